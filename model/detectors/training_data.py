"""Describes the images that a detector was trained on, for its card and for everybody who reads a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # Not imported at run time: the command line client loads this module, and starts quickly without NumPy.
    import numpy as np
    from numpy.typing import NDArray

DEMONSTRATION: Final = (
    "This is a demonstration. The detector was trained on drawn pictures only: it knows no photograph and no generator."
)
"""What everybody is told about a detector that was trained on the built-in source alone."""

SIZE_MARGIN: Final = 2
"""How many times smaller or larger than the training images an image may be."""

_NAMED: Final = 5
"""Most generators or formats that a sentence names."""


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The images of a training, without those of its test: how many, from where, and what their files are like.

    `sources`, `generators` and `formats` are numbers of images by name. `shorter` and `longer` are the lowest and the
    highest shorter and longer side in pixels, without the rarest images. `demonstration` is true if the built-in source
    has drawn all of them.
    """

    real: int
    ai: int
    sources: Mapping[str, int]
    generators: Mapping[str, int]
    formats: Mapping[str, int]
    shorter: tuple[int, int]
    longer: tuple[int, int]
    demonstration: bool

    def covers(self, shorter: "NDArray[np.integer]") -> "NDArray[np.bool_]":
        """Mark the images [n], by their shorter side in pixels, that are about as large as these.

        At least half as large as the smallest, and at most twice as large as the largest.
        """
        low, high = self.shorter
        return (low <= SIZE_MARGIN * shorter) & (shorter <= SIZE_MARGIN * high)

    def describe(self) -> str:
        """Return the description in words."""
        sides = f"{name_range(self.shorter[0], self.longer[1])} px a side"
        if self.demonstration:
            return f"{self.real + self.ai:,} drawn pictures, {sides}"
        by = f", by {_name_some(self.generators)}" if self.generators else ""
        return f"{self.real:,} real and {self.ai:,} AI-generated images{by}; {_name_some(self.formats)}, {sides}"


def describe_training(trained_on: TrainingData | None) -> str:
    """Return sentences about a training for people who look at the detector; empty if its card does not say."""
    if trained_on is None:
        return ""
    warning = f"{DEMONSTRATION} " if trained_on.demonstration else ""
    return f"{warning}Trained on {trained_on.describe()}."


def name_range(low: int, high: int) -> str:
    """Return a range of numbers in words: '64', or '64 to 1,024'."""
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _name_some(counts: Mapping[str, int]) -> str:
    names = sorted(counts, key=lambda name: -counts[name])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
