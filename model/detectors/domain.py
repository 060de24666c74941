"""The domain of a detector: the images it can judge, which are those like the images it was trained on.

The graph measures the distance of an image, the card holds its limit (infra/docs/decisions/0026-out-of-domain.md).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.training_data import TrainingData, name_range
from model.images.notes import Note

_ROUNDING: Final = 1e-9
"""Added so that (99 + 1) * (1 - 0.01) is 99 and not a little more."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The largest distance of an image in the domain. At most a `share` of images like the training images is beyond.

    The distance is the graph's output of this name.
    """

    limit: float
    share: float


def calibrate_domain(distances: NDArray[np.floating], *, share: float) -> Domain:
    """Derive the limit from the `distances` [n] of images that the network was not trained on.

    Split conformal prediction (Vovk, 2012): a new image drawn like these n is beyond the limit with a probability of at
    most `share`. If n < 1 / `share` - 1, the largest distance is the limit, and its share is 1 / (n + 1). Raises
    ValueError without distances.
    """
    count = len(distances)
    if not count:
        raise ValueError("the limit of the domain needs at least one image")
    promised = max(share, 1 / (count + 1))
    rank = min(count, math.ceil((count + 1) * (1 - promised) - _ROUNDING))
    return Domain(limit=float(np.sort(distances)[rank - 1]), share=promised)


def find_inside(
    domain: Domain,
    trained_on: TrainingData | None,
    *,
    distance: NDArray[np.floating],
    width: NDArray[np.integer],
    height: NDArray[np.integer],
) -> NDArray[np.bool_]:
    """Mark the images [n] of the domain: near enough by their `distance` [n], and of a size that was trained on.

    `width` and `height` [n] are in pixels.
    """
    near = distance <= domain.limit
    return near if trained_on is None else near & trained_on.covers(np.minimum(width, height))


def explain_outside(
    domain: Domain, trained_on: TrainingData | None, *, distance: float, width: int, height: int
) -> tuple[Note, ...]:
    """Return why an image is outside of the domain, a note for each reason; empty for an image inside."""
    notes = []
    shorter = min(width, height)
    if trained_on is not None and not trained_on.covers(np.array(shorter)):
        notes.append(
            Note(
                code="outside_range",
                detail=f"Its shorter side has {shorter:,} px. The detector was trained on pictures whose shorter side"
                f" has {name_range(*trained_on.shorter)} px.",
                unsure=True,
            )
        )
    if distance > domain.limit:
        notes.append(
            Note(
                code="out_of_domain",
                detail="The picture is unlike anything that the detector was trained on.",
                unsure=True,
            )
        )
    return tuple(notes)
