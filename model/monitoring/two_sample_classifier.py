"""Tells recent images from the reference with a small classifier, and finds a group of recent images that is new."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

_FOLDS: Final = 10
_RIDGE: Final = 10.0
"""Penalty on the squared weights of the classifier, in images. It is strong because a few hundred images span many
axes."""
_STEPS: Final = 10
_FARTHEST: Final = 6.0
"""Embeddings are clipped at so many standard deviations, so that one odd image does not turn the classifier."""
_RATIO: Final = 10.0
"""How many times as dense as the reference a group has to be. A known generator that merely becomes frequent stays
below this ratio, because the reference holds many of its images."""
_EMPTY: Final = 0.01
"""Largest share of the reference where a group lies, for the place to count as empty."""
_SHARED: Final = 1.5
"""How many times as much the distance varies by chance as with a classifier that was fitted to other images. The folds
share images, so their errors agree. Measured: 1.2 to 1.4 times."""

Matrix = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How well recent images can be told from images of the reference by where they are in the embedding.

    `distance` is 0 if they cannot be told apart, and 1 if all of them can. `error` is the standard deviation of the
    distance between samples of one distribution. `group` are the positions of the recent images that lie close together
    where the reference is almost empty.
    """

    distance: float
    error: float
    group: NDArray[np.integer]


def tell_apart(reference: Matrix, recent: Matrix, *, weight: NDArray[np.float64]) -> Apart:
    """Tell recent embeddings [n, d] from those of the reference [m, d], whose images count `weight` [m] each.

    1. Each image is judged by a logistic regression that was fitted without it: the two-sample test by classifier
       (Lopez-Paz and Oquab, 2017, arXiv 1610.06545).
    2. The odds are the ratio of the densities (Sugiyama et al., 2012, "Density Ratio Estimation in Machine Learning",
       chapter 4).
    3. The images with the highest odds form the group, the largest that is at least 10 times as dense as the reference.
    4. At most 1 % of the reference's images lie where the group lies.
    """
    is_recent = np.arange(len(reference) + len(recent)) >= len(reference)
    weights = np.concatenate([weight / weight.sum(), np.full(len(recent), 1 / len(recent))]) * len(is_recent) / 2
    odds = _judge(np.concatenate([reference, recent]), is_recent, weights)
    return Apart(
        distance=_separation(odds, is_recent, weights),
        error=_SHARED * _error(float(weight.sum() ** 2 / (weight**2).sum()), len(recent)),
        group=_densest(odds[~is_recent], odds[is_recent]),
    )


def _judge(embedding: Matrix, is_recent: NDArray[np.bool_], weights: Matrix) -> NDArray[np.float64]:
    """Return the log-odds [m + n] that each image is recent, by regressions that were fitted without the image."""
    axes = np.column_stack([np.ones(len(embedding)), np.clip(embedding, -_FARTHEST, _FARTHEST)])
    fold = np.random.default_rng(0).permutation(len(axes)) % _FOLDS
    odds = np.empty(len(axes))
    for number in range(_FOLDS):
        seen = fold != number
        odds[~seen] = axes[~seen] @ _fit(axes[seen], is_recent[seen], weights[seen])
    return odds


def _fit(axes: Matrix, is_recent: NDArray[np.bool_], weights: Matrix) -> NDArray[np.float64]:
    """Fit a logistic regression with a ridge by Newton's method, the first axis being the constant."""
    ridge = np.full(axes.shape[1], _RIDGE)
    ridge[0] = 1e-6
    slopes = np.zeros(axes.shape[1])
    for _ in range(_STEPS):
        chance = expit(axes @ slopes)
        bend = (axes.T * (weights * chance * (1 - chance))) @ axes + np.diag(ridge)
        slopes = slopes + np.linalg.solve(bend, axes.T @ (weights * (is_recent - chance)) - ridge * slopes)
    return slopes


def _separation(odds: Matrix, is_recent: NDArray[np.bool_], weights: Matrix) -> float:
    """Return twice the area under the ROC curve, less one; each image of the reference counts its weight."""
    recent, before = odds[is_recent], odds[~is_recent]
    below = (rankdata(odds)[~is_recent] - rankdata(before)) / len(recent)  # share of the recent that are lower
    return float(1 - 2 * np.average(below, weights=weights[~is_recent]))


def _error(before: float, recent: int) -> float:
    """Return the standard deviation of `_separation` for samples of one distribution (Mann and Whitney, 1947)."""
    return math.sqrt((before + recent + 1) / (3 * before * recent))


def _densest(reference: Matrix, recent: Matrix) -> NDArray[np.integer]:
    """Return the positions of the largest group of recent images, from the highest odds down, that is dense enough."""
    order = np.argsort(-recent, kind="stable")
    share = np.arange(1, len(recent) + 1) / len(recent)
    among = len(reference) - np.searchsorted(np.sort(reference), recent[order], side="left")
    dense = (share >= _RATIO * (among + 1) / len(reference)) & (among <= _EMPTY * len(reference))
    return order[: int(np.max(np.flatnonzero(dense), initial=-1)) + 1]
