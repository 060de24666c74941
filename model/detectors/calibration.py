"""Calibrates probabilities, and derives from them the threshold, the operating points and the band of a detector."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from model.labels import AI, REAL
from model.metrics import Labels, Probabilities

NEUTRAL_THRESHOLD = 0.5
FALSE_POSITIVE_RATES = (0.001, 0.01, 0.05)
PROMISE = 0.02
"""The largest share of each class that may be decided wrongly outside the conformal band, if images are enough."""
_TEMPERATURES = (0.05, 20.0)
_ROUNDING = 1e-9
"""Added so that (19 + 1) * (1 - 0.05) is 19 and not a little more."""


@dataclass(frozen=True)
class Calibration:
    """The limits that decisions rest on, all calibrated probabilities of AI.

    `operating_points` are thresholds by false-positive rate. `threshold` lies in `band`. Outside `band` at most a share
    `alpha` of each class is decided wrongly.
    """

    threshold: float
    operating_points: Mapping[float, float]
    band: tuple[float, float]
    alpha: float


def calibrate(probabilities: Probabilities, labels: Labels, *, alpha: float = PROMISE) -> Calibration:
    """Derive the limits from the probabilities [N] of images that the network was not trained on, with their labels.

    With fewer than 1 / alpha - 1 images of a class, `alpha` cannot be promised. Then the promise is 1 / (n + 1) for n
    images of the rarer class. Raises ValueError unless both classes are present.
    """
    fewest = min(len(scores) for scores in _by_class(probabilities, labels))
    promise = max(alpha, 1 / (fewest + 1))
    threshold = choose_threshold(probabilities, labels)
    band = conformal_band(probabilities, labels, promise, around=threshold)
    return Calibration(threshold, operating_points(probabilities, labels), band, promise)


def fit_temperature(logits: Probabilities, labels: Labels) -> float:
    """Return the temperature T in [0.05, 20] for which sigmoid(logits / T) has the highest likelihood.

    `logits` [N] and `labels` [N] must be of images the network was not trained on. One parameter cannot overfit a small
    validation split, and leaves the order of the scores alone (Guo et al., 2017, arXiv 1706.04599). If the classes are
    separated perfectly, the likelihood has no maximum, and a few images would make the network far too sure.

    So the targets are those of Platt (1999, "Probabilistic outputs for support vector machines", section 2.1). The
    target for a class of n images is (n + 1) / (n + 2) instead of 1. Many images outvote this prior. Raises ValueError
    unless both classes are present.
    """
    real, ai = (len(scores) for scores in _by_class(logits, labels))
    targets = np.where(labels == AI, (ai + 1) / (ai + 2), 1 / (real + 2))

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / math.exp(log_temperature)
        return float((np.logaddexp(0, scaled) - targets * scaled).mean())

    low, high = (math.log(bound) for bound in _TEMPERATURES)
    return math.exp(minimize_scalar(negative_log_likelihood, bounds=(low, high), method="bounded").x)


def choose_threshold(probabilities: Probabilities, labels: Labels) -> float:
    """Return the threshold nearest to 0.5 that is within one standard error of the best balanced accuracy.

    Temperature scaling does not move the decision at 0.5, which is poor for a network that leans to one class. The best
    cut of a few hundred images is mostly noise. So the one-standard-error rule applies (Breiman et al., 1984, section
    3.4.3): 0.5, unless the validation images speak clearly against it. Accuracy is balanced because the share of AI
    images in use is unknown. Raises ValueError unless both classes are present.
    """
    real, ai = _by_class(probabilities, labels)
    levels = np.unique(probabilities)
    cuts = np.concatenate([[NEUTRAL_THRESHOLD], (levels[1:] + levels[:-1]) / 2])
    specificity = np.searchsorted(real, cuts, side="left") / len(real)
    recall = 1 - np.searchsorted(ai, cuts, side="left") / len(ai)
    balanced = (specificity + recall) / 2
    variance = specificity * (1 - specificity) / len(real) + recall * (1 - recall) / len(ai)
    best = int(balanced.argmax())
    eligible = cuts[balanced >= balanced[best] - math.sqrt(variance[best]) / 2]
    return float(eligible[np.abs(eligible - NEUTRAL_THRESHOLD).argmin()])


def operating_points(
    probabilities: Probabilities, labels: Labels, rates: Sequence[float] = FALSE_POSITIVE_RATES
) -> dict[float, float]:
    """Return for each false-positive rate the lowest threshold at which no larger share of real images is called AI.

    With few images and a small rate, the threshold is just above the highest probability of a real image. Raises
    ValueError unless both classes are present.
    """
    real, _ = _by_class(probabilities, labels)
    return {rate: _lowest_threshold(real, rate) for rate in rates}


def conformal_band(probabilities: Probabilities, labels: Labels, alpha: float, *, around: float) -> tuple[float, float]:
    """Return the narrowest band of probabilities of AI, `around` in it, in which a detector must not commit itself.

    Source: class-conditional split conformal prediction (Vovk, 2012, "Conditional validity of inductive conformal
    predictors"; Angelopoulos and Bates, 2021, arXiv 2107.07511).

    1. At most a share alpha of new real images lies above the (1 - alpha) quantile of the real validation images.
    2. At most a share alpha of new AI images lies below the alpha quantile of the AI validation images.
    3. Both quantiles are corrected for the finite sample. The band reaches from one to the other, and holds `around`.
    4. So outside the band the threshold `around` decides at most a share alpha of each class wrongly.
    5. If the threshold alone errs less, the band is only `around`: the better a detector is, the more it answers.

    The guarantee assumes nothing about the network. It holds for new images drawn like the validation images, but not
    for generators that these lack. With fewer than 1 / alpha - 1 images of a class there is no guarantee, and the band
    reaches 0 or 1. Raises ValueError unless both classes are present.
    """
    real, ai = _by_class(probabilities, labels)
    rank_real = math.ceil((len(real) + 1) * (1 - alpha) - _ROUNDING)
    rank_ai = math.floor((len(ai) + 1) * alpha + _ROUNDING)
    highest_real = float(real[rank_real - 1]) if rank_real <= len(real) else 1.0
    lowest_ai = float(ai[rank_ai - 1]) if rank_ai >= 1 else 0.0
    return min(lowest_ai, around), max(highest_real, around)


def _by_class(probabilities: Probabilities, labels: Labels) -> tuple[Probabilities, Probabilities]:
    """Return the sorted probabilities of the real and of the AI images."""
    real, ai = np.sort(probabilities[labels == REAL]), np.sort(probabilities[labels == AI])
    if not len(real) or not len(ai):
        raise ValueError(f"calibration needs both classes, there are {len(real)} real and {len(ai)} AI images")
    return real, ai


def _lowest_threshold(real: Probabilities, rate: float) -> float:
    allowed = math.floor(rate * len(real) + _ROUNDING)
    return float(np.nextafter(real[len(real) - 1 - allowed], np.inf)) if allowed < len(real) else 0.0
