"""Computes accuracy, F1, AUROC, calibration error and error rates of a detector, with confidence intervals.

`clusters` [n] numbers the cluster of each image. Images of one cluster resemble each other, and count as one image to
the degree that their results agree. Without `clusters`, and in clusters of one image, images are independent.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr
from scipy.stats import norm, rankdata, t

from model.estimate import CONFIDENCE, Estimate
from model.labels import AI, REAL

ECE_BINS: Final = 15
_TAIL: Final = (1 + CONFIDENCE) / 2
_REACH: Final = float(norm.ppf(_TAIL))
"""Half of the interval of a normal distribution, in standard deviations."""
_SMALLEST: Final = 1e-12

Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]
Marks = NDArray[np.bool_]
Clusters = NDArray[np.integer]


def proportion(successes: int, trials: int) -> Estimate:
    """Estimate a proportion with Wilson's score interval, which stays inside [0, 1] and is reliable for few trials.

    Wilson, 1927, "Probable inference, the law of succession, and statistical inference". Raises ValueError if `trials`
    is less than 1.
    """
    if trials < 1:
        raise ValueError("a proportion needs at least one trial")
    return _wilson(successes / trials, trials)


def share(marks: Marks, clusters: Clusters | None = None) -> Estimate:
    """Estimate the share of images that are marked [n], with Wilson's interval for as many images as `clusters` leave.

    1. The design effect says how many images count as one (Kish, 1965, "Survey sampling"). It is the variance between
       clusters over the variance of independent images, and at least 1.
    2. Half a cluster of marked images and half a cluster of others are added before. Without them, clusters would seem
       independent if by chance none is marked as a whole.
    3. Few clusters tell little of the design effect, so Student's distribution widens the interval (Korn and Graubard,
       1998, Survey Methodology 24).
    4. Of a single cluster the interval is [0, 1].

    Raises ValueError without images.
    """
    held, marked, count = _number(clusters), int(np.sum(marks)), len(marks)
    if held is None:
        return proportion(marked, count)
    sizes, sums = np.bincount(held), np.bincount(held, weights=marks)
    if len(sizes) == 1:
        return Estimate(marked / count, 0.0, 1.0)
    half = count / len(sizes) / 2
    likely = (marked + half) / (count + 2 * half)
    spread = likely**2 + (1 - likely) ** 2
    between = float(np.sum((sums - likely * sizes) ** 2)) + 2 * half**2 * spread
    alone = marked * (1 - likely) ** 2 + (count - marked) * likely**2 + half * spread
    effect = max(1.0, between * _correction(len(sizes)) / (alone * _correction(count)))
    widening = float(t.ppf(_TAIL, len(sizes) - 1)) / _REACH
    return _wilson(marked / count, count / (effect * widening**2))


def accuracy(
    labels: Labels, probabilities: Probabilities, threshold: float, clusters: Clusters | None = None
) -> Estimate:
    """Return the share of images on the right side of `threshold`. A probability equal to `threshold` counts as AI."""
    return share((probabilities >= threshold) == (labels == AI), clusters)


def false_positive_rate(
    labels: Labels, probabilities: Probabilities, threshold: float, clusters: Clusters | None = None
) -> Estimate:
    """Return the share of real images called AI (probability at least `threshold`)."""
    return share_of(labels == REAL, probabilities >= threshold, clusters)


def true_positive_rate(
    labels: Labels, probabilities: Probabilities, threshold: float, clusters: Clusters | None = None
) -> Estimate:
    """Return the share of AI images called AI (probability at least `threshold`)."""
    return share_of(labels == AI, probabilities >= threshold, clusters)


def f1_score(
    labels: Labels, probabilities: Probabilities, threshold: float, clusters: Clusters | None = None
) -> Estimate:
    """Estimate the harmonic mean of precision and recall of AI; 0, and 0 to 1, if no image is AI or called AI.

    F1 is 2 J / (1 + J) for the share J of hits among the images that are AI or called AI. So the interval is that of J.
    """
    called, ai = probabilities >= threshold, labels == AI
    if not (called | ai).any():
        return Estimate(0.0, 0.0, 1.0)
    hits = share_of(called | ai, called & ai, clusters)
    return Estimate(*(2 * end / (1 + end) for end in (hits.value, hits.low, hits.high)))


def share_of(members: Marks, marks: Marks, clusters: Clusters | None = None) -> Estimate:
    """Estimate the share of the `members` [n] that are also marked [n]; as `share`."""
    return share(marks[members], None if clusters is None else clusters[members])


def area_under_roc(labels: Labels, probabilities: Probabilities) -> float:
    """Return the probability that an AI image scores above a real image; ties count half (Mann-Whitney U).

    Raises ValueError unless both classes are present.
    """
    ai, real = int(np.sum(labels == AI)), int(np.sum(labels == REAL))
    if not ai or not real:
        raise ValueError(f"AUROC needs images of both classes; there are {real} real and {ai} AI images")
    ranks = rankdata(probabilities)[labels == AI].sum()
    return float((ranks - ai * (ai + 1) / 2) / (ai * real))


def auroc(labels: Labels, probabilities: Probabilities, clusters: Clusters | None = None) -> Estimate:
    """Estimate the area under the ROC curve with DeLong's interval on the logit scale.

    1. The error is that of DeLong et al. (1988), by ranks as in Sun and Xu (2014). In clusters it is that of Obuchowski
       (1997, "Nonparametric analysis of clustered ROC curve data").
    2. On the logit scale the interval stays inside [0, 1], and is right near 1, too (Qin and Hotilovac, 2008, doi
       10.1177/0962280207087173).
    3. If the classes are separated perfectly, images do not show the error. The far end is then that of Newcombe (2006,
       doi 10.1002/sim.2324, method 5), with clusters in place of images.
    4. If a class has one image or one cluster, the interval is [0, 1].

    Raises ValueError unless both classes are present.
    """
    value = area_under_roc(labels, probabilities)
    ai, real, held = labels == AI, labels == REAL, _number(clusters)
    held = np.arange(len(labels)) if held is None else held
    groups = len(np.unique(held[ai])), len(np.unique(held[real]))
    if min(groups) < 2:
        return Estimate(value, 0.0, 1.0)
    if value in (0.0, 1.0):
        far = _find_least_area(*groups)
        return Estimate(1.0, far, 1.0) if value else Estimate(0.0, 0.0, 1 - far)
    ranks = rankdata(probabilities)
    # For each image, the share of the other class that it is ranked correctly against.
    above = (ranks[ai] - rankdata(probabilities[ai])) / real.sum()
    below = 1 - (ranks[real] - rankdata(probabilities[real])) / ai.sum()
    sums = [
        np.bincount(held[members], weights=ranked - value, minlength=len(labels)) / len(ranked)
        for members, ranked in ((ai, above), (real, below))
    ]
    variance = sum(_correction(count) * float(np.sum(own**2)) for count, own in zip(groups, sums, strict=True))
    variance += 2 * _correction(len(np.unique(held))) * float(np.sum(sums[0] * sums[1]))
    reach = _REACH * math.sqrt(max(variance, 0.0)) / (value * (1 - value))
    return Estimate(value, float(expit(logit(value) - reach)), float(expit(logit(value) + reach)))


def calibration_bins(probabilities: Probabilities) -> NDArray[np.integer]:
    """Return the bin (0 to 14) of each probability; the 15 bins have equal width."""
    bins: NDArray[np.integer] = np.minimum((probabilities * ECE_BINS).astype(int), ECE_BINS - 1)
    return bins


def estimate_calibration_error(
    labels: Labels, probabilities: Probabilities, clusters: Clusters | None = None
) -> Estimate:
    """Estimate the expected calibration error of P(AI) over 15 bins of equal width, without what chance adds.

    The error of a bin is the difference between its mean probability and its share of AI images. The result is the mean
    size of these errors, weighted by the images in each bin (Guo et al., 2017, arXiv 1706.04599). Guo et al. use the
    probability of the predicted class; this function uses the probability of AI.

    1. Chance adds to the size of each error. What chance would add to the errors found is taken off, down to 0 (Kumar,
       Liang and Ma, 2019, arXiv 1909.10155, and their library). Near 0 a part remains.
    2. The upper end is 1.96 standard errors above the value.
    3. The lower end is as far below another value, which chance does not raise (sample splitting: Cox, 1975, doi
       10.1093/biomet/62.2.441). One half of a bin's images gives the sign of its error, the other half the size. The
       value is the mean over all halvings.
    4. So the interval of a calibrated detector begins at 0.
    """
    bins, surplus = calibration_bins(probabilities), probabilities - (labels == AI)
    counts, over, ai = (np.bincount(bins, weights, ECE_BINS) for weights in (None, surplus, labels == AI))
    weights, errors = counts / len(labels), over / np.maximum(counts, 1)
    shares = (ai + 1) / (counts + 2)  # as if there were two more images, because a few alone seem certain
    effect = _design_effect(surplus - errors[bins], clusters)
    deviations = np.sqrt(effect * shares * (1 - shares) / np.maximum(counts, 1))
    sizes, ratios = np.abs(errors), np.abs(errors) / deviations
    peaks = math.sqrt(2 / math.pi) * deviations * np.exp(-(ratios**2) / 2)
    expected = sizes * (2 * ndtr(ratios) - 1) + peaks  # of the size of an error that chance moves away from this one
    reach = _REACH * float(np.sqrt(np.sum((weights * deviations) ** 2)))
    value = max(0.0, float(np.sum(weights * (2 * sizes - expected))))
    low = float(np.sum(weights * (expected - 2 * peaks))) - reach
    return Estimate(value, min(value, max(0.0, low)), min(1.0, value + reach))


def _wilson(value: float, trials: float) -> Estimate:
    """Return Wilson's interval of the share `value` of `trials`, which need not be whole."""
    spread = _REACH**2 / trials
    centre = value + spread / 2
    reach = math.sqrt(spread * value * (1 - value) + spread**2 / 4)
    low = 0.0 if value == 0 else (centre - reach) / (1 + spread)
    return Estimate(value, low, 1.0 if value == 1 else (centre + reach) / (1 + spread))


def _number(clusters: Clusters | None) -> NDArray[np.integer] | None:
    """Return the clusters, numbered from 0; None if there are none, or if each image has one of its own."""
    if clusters is None or not len(clusters):
        return None
    names, numbers = np.unique(clusters, return_inverse=True)
    return numbers if len(names) < len(clusters) else None


def _design_effect(deviations: NDArray[np.floating], clusters: Clusters | None) -> float:
    """Return how many images count as one for the mean of `deviations` [n], which is 0; at least 1."""
    held, alone = _number(clusters), float(np.sum(deviations**2)) * _correction(len(deviations))
    if held is None or not alone:
        return 1.0
    sums = np.bincount(held, weights=deviations)
    return max(1.0, float(np.sum(sums**2)) * _correction(len(sums)) / alone)


def _correction(count: int) -> float:
    """Return the factor that makes a variance around the mean of `count` values unbiased."""
    return count / max(count - 1, 1)


def _find_least_area(ai: int, real: int) -> float:
    """Return the smallest area under the ROC curve for which perfect separation is no surprise.

    The area is 1.96 of its standard errors below 1. The error is that of Hanley and McNeil (1982), as Newcombe has it.
    """
    others = (ai + real) / 2 - 1

    def surprise(area: float) -> float:
        variance = area * (1 - area) * (1 + others * ((1 - area) / (2 - area) + area / (1 + area))) / (ai * real)
        return 1 - area - _REACH * math.sqrt(variance)

    return float(brentq(surprise, _SMALLEST, 1 - _SMALLEST))
