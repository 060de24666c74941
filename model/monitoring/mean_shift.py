"""Measures how far the mean of embeddings has moved, beyond chance, and which rows lie farthest out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f

_RIDGE: Final = 1e-4
"""Variance added on every axis, so that an axis without variance does not outweigh the others. Axes have a variance of
about 1 on the reference."""

Matrix = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The squared Mahalanobis distance of two means.

    `distance` is less what chance adds on average. `by_chance` is the largest distance that chance explains. `outward`
    [m] says how far each row of the second sample lies in the direction of the shift. 95 % of the first sample lie
    below `edge` in that direction.
    """

    distance: float
    by_chance: float
    outward: NDArray[np.float64]
    edge: float


def measure_shift(before: Matrix, now: Matrix, *, chance: float) -> Shift:
    """Compare the means of two samples of embeddings [n, d] and [m, d], each with well above d rows.

    Source: Hotelling's test for samples of unlike covariance (Krishnamoorthy and Yu, 2004, "Modified Nel and Van der
    Merwe test for the multivariate Behrens-Fisher problem"). The covariances differ: the axes were fitted to the first
    sample, and a group mixed into the second sample widens it. The result is an effect size, because with enough images
    any difference is significant. `chance` is how often equal means may come out above `by_chance`.
    """
    axes, samples = before.shape[1], (before, now)
    errors = [np.cov(rows, rowvar=False) / len(rows) for rows in samples]  # covariances of the two means
    scale = 1 / len(before) + 1 / len(now)
    inverse = np.linalg.inv(sum(errors) + scale * _RIDGE * np.eye(axes))
    apart = now.mean(axis=0) - before.mean(axis=0)
    freedom = _freedom([error @ inverse for error in errors], [len(rows) - 1 for rows in samples])
    expected = axes * freedom / (freedom - axes - 1)
    largest = f.isf(chance, axes, freedom - axes + 1) * axes * freedom / (freedom - axes + 1)
    return Shift(
        distance=float(apart @ inverse @ apart - expected) * scale,
        by_chance=float(largest - expected) * scale,
        outward=now @ inverse @ apart,
        edge=float(np.quantile(before @ inverse @ apart, 0.95)),
    )


def _freedom(parts: list[Matrix], each: list[int]) -> float:
    """Return the degrees of freedom of the sum of two errors; `parts` are the shares of the errors in the sum."""
    axes = len(parts[0])
    spread = sum(
        (np.trace(part @ part) + np.trace(part) ** 2) / freedom for part, freedom in zip(parts, each, strict=True)
    )
    return float((axes + axes**2) / spread)
