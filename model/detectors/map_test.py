"""Tests whether the detector relies on the places that a map calls important."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Annotated, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

SHARE: Final = 0.25
"""Share of the picture that is removed: the places where the map is highest."""

CONTROLS: Final = 19
ENOUGH: Final = 0.9
"""Share of the controls that a faithful map outdoes: 18 of 19. A map in an arbitrary place does so 1 time in 10."""
LEAST: Final = 0.1
"""Least loss of log-odds when the map's places are removed: a tenth of the odds. With less, nothing was explained."""

_SMALLEST: Final = 1e-7
"""Probabilities count as at least this far from 0 and 1, because smaller distances are rounding."""

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Score = Callable[[Pixels], NDArray[np.floating]]
"""From pixels [N, size, size, 3] to the probability [N] of the class that the map speaks for."""


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """The probability of the label before and after places of the image were painted over."""

    share: Annotated[
        float,
        Field(description="Share of the detector's input that was painted over each time, in the mean colour"),
    ]
    before: Annotated[float, Field(description="Probability of the label for the whole image")]
    after: Annotated[
        float, Field(description="Probability of the label with the most important places of the map painted over")
    ]
    controls: Annotated[
        tuple[float, ...],
        Field(description="Probabilities of the label with as much painted over elsewhere, one for each control"),
    ]
    outdone: Annotated[
        float,
        Field(description="Share of the controls that lowered the probability less than the map's places did"),
    ]

    @classmethod
    def of(cls, *, share: float, before: float, after: float, controls: tuple[float, ...]) -> Self:
        """Compare the map's places with the controls, at least one."""
        outdone = sum(after < control for control in controls) / len(controls)
        return cls(share=share, before=before, after=after, controls=controls, outdone=outdone)

    @property
    def faithful(self) -> bool:
        """Whether the map's places cost at least LEAST in log-odds, and more than a share ENOUGH of the controls."""
        return _log_odds(self.before) - _log_odds(self.after) >= LEAST and self.outdone >= ENOUGH


def measure_deletion(pixels: Pixels, importance: NDArray[np.float32], score: Score) -> Deletion:
    """Remove the places of `pixels` [size, size, 3] where `importance` [h, w] is highest, and as much elsewhere.

    Source: the deletion test of Petsiuk et al. (RISE, BMVC 2018), at one share instead of as an area under the curve. A
    removed place takes the picture's mean colour. The controls are the map's own places, shifted, so that only the
    position can make a difference. The picture's pixels seed the shifts, so they are the same every time. All versions
    are scored as one batch.

    Every shift is as likely as any other, no shift included. So a map of a place drawn in the same way is one of 20
    equals (Hemerik and Goeman, 2018, doi 10.1007/s11749-017-0571-1). It outdoes 18 of the 19 others 2 in 20 times.
    """
    removed = _choose_top(_enlarge(importance, len(pixels)))
    controls = _shift(removed, seed=zlib.crc32(pixels.tobytes()))
    before, after, *others = score(_remove(pixels, np.stack([np.zeros_like(removed), removed, *controls]))).tolist()
    return Deletion.of(share=float(removed.mean()), before=before, after=after, controls=tuple(others))


def _enlarge(importance: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Interpolate a map [h, w] to [size, size] (bicubic), as it is shown."""
    return np.asarray(Image.fromarray(importance).resize((size, size), Image.Resampling.BICUBIC))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, _SMALLEST), 1 - _SMALLEST)
    return log(bounded / (1 - bounded))


def _choose_top(importance: NDArray[np.float32]) -> Mask:
    chosen = np.zeros(importance.size, bool)
    chosen[np.argsort(importance, axis=None, kind="stable")[-round(SHARE * importance.size) :]] = True
    return chosen.reshape(importance.shape)


def _shift(mask: Mask, *, seed: int) -> list[Mask]:
    """Shift a mask CONTROLS times with wrap-around, each time anywhere along both sides."""
    shifts = np.random.default_rng(seed).integers(0, len(mask), (CONTROLS, 2))
    return [np.roll(mask, tuple(shift), (0, 1)) for shift in shifts]


def _remove(pixels: Pixels, masks: Mask) -> Pixels:
    """Give `pixels` their mean colour where `masks` [N, size, size] say so; returns [N, size, size, 3]."""
    mean = pixels.mean((0, 1)).round().astype(np.uint8)
    return np.where(masks[..., np.newaxis], mean, pixels)
