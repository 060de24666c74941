"""A measured value with its confidence interval. A module of its own, so that no reader of one imports SciPy."""

from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
"""How often the interval of an Estimate holds the true value."""


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % confidence interval."""

    value: float
    low: float
    high: float
