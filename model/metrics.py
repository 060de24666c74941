"""Computes accuracy, F1, AUROC, calibration error and error rates of a detector, with confidence intervals."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap, norm, rankdata

from model.estimate import CONFIDENCE, Estimate
from model.labels import AI, REAL

_BOOTSTRAP_ROUNDS = 500
_BOOTSTRAP_BATCH = 20
"""Resamples that are held in memory at once; larger batches are no faster."""
ECE_BINS = 15

Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]


def proportion(successes: int, trials: int) -> Estimate:
    """Estimate a proportion with Wilson's score interval, which stays inside [0, 1] and is reliable for few trials.

    Wilson, 1927, "Probable inference, the law of succession, and statistical inference". Raises ValueError if `trials`
    is less than 1.
    """
    if trials < 1:
        raise ValueError("a proportion needs at least one trial")
    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def accuracy(labels: Labels, probabilities: Probabilities, threshold: float) -> Estimate:
    """Return the share of images on the right side of `threshold`. A probability equal to `threshold` counts as AI."""
    return proportion(int(np.sum((probabilities >= threshold) == (labels == AI))), len(labels))


def false_positive_rate(labels: Labels, probabilities: Probabilities, threshold: float) -> Estimate:
    """Return the share of real images called AI (probability at least `threshold`)."""
    real = probabilities[labels == REAL]
    return proportion(int(np.sum(real >= threshold)), len(real))


def true_positive_rate(labels: Labels, probabilities: Probabilities, threshold: float) -> Estimate:
    """Return the share of AI images called AI (probability at least `threshold`)."""
    ai = probabilities[labels == AI]
    return proportion(int(np.sum(ai >= threshold)), len(ai))


def f1_score(labels: Labels, probabilities: Probabilities, threshold: float) -> float:
    """Return the harmonic mean of precision and recall of AI; 0 if no image is AI or called AI."""
    called = probabilities >= threshold
    hits = np.sum(called & (labels == AI))
    total = np.sum(called) + np.sum(labels == AI)
    return float(2 * hits / total) if total else 0.0


def area_under_roc(labels: Labels, probabilities: Probabilities) -> float:
    """Return the probability that an AI image scores above a real image; ties count half (Mann-Whitney U).

    Raises ValueError unless both classes are present.
    """
    ai, real = int(np.sum(labels == AI)), int(np.sum(labels == REAL))
    if not ai or not real:
        raise ValueError(f"AUROC needs images of both classes; there are {real} real and {ai} AI images")
    ranks = rankdata(probabilities)[labels == AI].sum()
    return float((ranks - ai * (ai + 1) / 2) / (ai * real))


def auroc(labels: Labels, probabilities: Probabilities) -> Estimate:
    """Estimate the area under the ROC curve with DeLong's interval, cut off at 0 and 1.

    DeLong et al., 1988, computed from ranks as in Sun and Xu, 2014: as good as a bootstrap at a thousandth of its cost.
    If the classes are separated perfectly, the interval is [1, 1], as with a bootstrap. If a class has one image, the
    interval is [0, 1]. Raises ValueError unless both classes are present.
    """
    value = area_under_roc(labels, probabilities)
    ranks = rankdata(probabilities)
    ai, real = labels == AI, labels == REAL
    if min(ai.sum(), real.sum()) < 2:
        return Estimate(value, 0.0, 1.0)
    # For each image, the share of the other class that it is ranked correctly against.
    above = (ranks[ai] - rankdata(probabilities[ai])) / real.sum()
    below = 1 - (ranks[real] - rankdata(probabilities[real])) / ai.sum()
    error = math.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below))
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * error
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def calibration_bins(probabilities: Probabilities) -> NDArray[np.integer]:
    """Return the bin (0 to 14) of each probability; the 15 bins have equal width."""
    bins: NDArray[np.integer] = np.minimum((probabilities * ECE_BINS).astype(int), ECE_BINS - 1)
    return bins


def calibration_error(labels: Labels, probabilities: Probabilities) -> float:
    """Return the expected calibration error of P(AI) over 15 bins of equal width.

    The error of a bin is the difference between its mean probability and its share of AI images. The result is the
    mean of these errors, weighted by the images in each bin (Guo et al., 2017, arXiv 1706.04599). Guo et al. use the
    probability of the predicted class; this function uses the probability of AI.
    """
    surplus = np.bincount(calibration_bins(probabilities), weights=probabilities - (labels == AI), minlength=ECE_BINS)
    return float(np.abs(surplus).sum() / len(labels))


def bootstrapped(
    statistic: Callable[[Labels, Probabilities], float], labels: Labels, probabilities: Probabilities, *, seed: int = 0
) -> Estimate:
    """Estimate a statistic from 0 to 1 with a percentile interval over 500 resamples (Efron, 1979).

    Each class is resampled separately, so that every resample has both classes. If a class has fewer than two images,
    the interval is [0, 1].
    """
    value = statistic(labels, probabilities)
    classes = [probabilities[labels == label] for label in (REAL, AI)]
    if min(map(len, classes)) < 2:
        return Estimate(value, 0.0, 1.0)
    ordered = np.repeat([REAL, AI], [len(members) for members in classes])
    found = bootstrap(
        classes,
        lambda real, ai: statistic(ordered, np.concatenate([real, ai])),
        n_resamples=_BOOTSTRAP_ROUNDS,
        batch=_BOOTSTRAP_BATCH,
        vectorized=False,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Estimate(value, float(found.confidence_interval.low), float(found.confidence_interval.high))
