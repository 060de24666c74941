"""A measured value with its confidence interval. This module is separate so that reading one needs no SciPy."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

CONFIDENCE: Final = 0.95
"""The probability that the interval of an Estimate holds the true value."""


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % confidence interval."""

    value: Annotated[float, Field(description="The measured value")]
    low: Annotated[float, Field(description="Lower end of the interval")]
    high: Annotated[float, Field(description="Upper end of the interval")]
