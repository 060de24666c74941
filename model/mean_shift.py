"""Mean shift: how far the mean of one sample of embeddings is from that of another, and which rows are farthest out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f

_RIDGE: Final = 1e-4
"""Variance added on every axis, of about 1 on the reference: one on which nothing varies must not count for all."""

Matrix = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A squared Mahalanobis distance of two means, less what chance adds to it; the largest value that chance reaches.

    `outward` [m] says how far each row of the second sample lies in the direction of the shift, and `edge` what 95 % of
    the first sample stay below.
    """

    distance: float
    by_chance: float
    outward: NDArray[np.float64]
    edge: float


def measure_shift(before: Matrix, now: Matrix, *, chance: float) -> Shift:
    """Compare the means of two samples of embeddings [n, d] and [m, d], with n + m well above d.

    The two-sample test of Hotelling, 1931, "The generalization of Student's ratio", turned into an effect: significance
    alone would find any difference in enough images. `chance` is how seldom equal means may come out above `by_chance`.
    """
    axes, freedom = before.shape[1], len(before) + len(now) - 2
    noise = 1 / len(before) + 1 / len(now)
    centres = before.mean(axis=0), now.mean(axis=0)
    scatter = sum((rows - centre).T @ (rows - centre) for rows, centre in zip((before, now), centres, strict=True))
    direction = np.linalg.solve(scatter / freedom + _RIDGE * np.eye(axes), centres[1] - centres[0])
    expected = axes * noise * freedom / (freedom - axes - 1)
    largest = f.isf(chance, axes, freedom - axes + 1) * axes * freedom / (freedom - axes + 1) * noise
    return Shift(
        distance=float((centres[1] - centres[0]) @ direction - expected),
        by_chance=float(largest - expected),
        outward=now @ direction,
        edge=float(np.quantile(before @ direction, 0.95)),
    )
