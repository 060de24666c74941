"""Calibrates probabilities, and derives from them the threshold, the operating points and the band of a detector."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import bdtr, betaincinv, expit

from model.detectors.decision import images_needed
from model.estimate import CONFIDENCE
from model.labels import AI, REAL
from model.metrics import Labels, Probabilities

NEUTRAL_THRESHOLD = 0.5
FALSE_POSITIVE_RATES = (0.001, 0.01, 0.05)
PROMISE = 0.02
"""The largest share of each class that may be decided wrongly outside the conformal band, if images are enough."""
DOUBT = (1 - CONFIDENCE) / 2
"""The chance that the promise of one class is broken: both classes keep their promise with 95 % confidence."""
_SLOPES = (0.05, 20.0)
_ROUNDING = 1e-9
"""Added so that (19 + 1) * (1 - 0.05) is 19 and not a little more."""


@dataclass(frozen=True)
class OperatingPoint:
    """A `threshold` for a false-positive rate, and the 95 % upper confidence `bound` of the rate that comes of it."""

    threshold: float
    bound: float


@dataclass(frozen=True)
class Calibration:
    """The limits that decisions rest on, all calibrated probabilities of AI.

    `operating_points` are given by false-positive rate. `threshold` lies in `band`. Outside `band` at most a share
    `alpha` of each class is decided wrongly, with 95 % confidence.
    """

    threshold: float
    operating_points: Mapping[float, OperatingPoint]
    band: tuple[float, float]
    alpha: float


@dataclass(frozen=True)
class Scaling:
    """From a network's logits to the log odds of AI: `slope` x + `intercept`; the slope is 1 / temperature."""

    slope: float
    intercept: float

    def __call__(self, logits: Probabilities) -> Probabilities:
        """Return the calibrated probability of AI for each of `logits` [N]."""
        probabilities: Probabilities = expit(self.slope * logits + self.intercept)
        return probabilities


def calibrate(
    probabilities: Probabilities,
    labels: Labels,
    *,
    alpha: float = PROMISE,
    groups: NDArray[np.integer] | None = None,
) -> Calibration:
    """Derive the limits from the probabilities [N] of images that the network was not trained on, with their labels.

    `groups` [N] are as in `conformal_band`. With too few images of a class, `alpha` cannot be promised. Then the
    promise is 1 - 0.025 ** (1 / n) for n images of the rarer class, none of them decided wrongly. For 2 % it takes 183
    images. Raises ValueError unless both classes are present.
    """
    fewest = min(len(scores) for scores in _by_class(probabilities, labels))
    promise = max(alpha, 1 - DOUBT ** (1 / fewest))
    threshold = choose_threshold(probabilities, labels)
    band = conformal_band(probabilities, labels, promise, around=threshold, groups=groups)
    return Calibration(threshold, operating_points(probabilities, labels), band, promise)


def fit_scaling(logits: Probabilities, labels: Labels) -> Scaling:
    """Return the slope in [0.05, 20] and the intercept with the highest likelihood (Platt scaling).

    `logits` [N] and `labels` [N] must be of images the network was not trained on. Two parameters hardly overfit a
    small validation split, and leave the order of the scores alone. The intercept undoes balanced sampling, after
    which a network takes half of all images for AI (Saerens et al., 2002). If the classes are separated perfectly, the
    likelihood has no maximum, and a few images would make the network far too sure.

    So the targets are those of Platt (1999, "Probabilistic outputs for support vector machines", section 2.1). The
    target for a class of n images is (n + 1) / (n + 2) instead of 1. Many images outvote this prior. Raises ValueError
    unless both classes are present.
    """
    real, ai = (len(scores) for scores in _by_class(logits, labels))
    targets = np.where(labels == AI, (ai + 1) / (ai + 2), 1 / (real + 2))
    known = logits.astype(np.float64)

    def negative_log_likelihood(scaling: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = scaling[0] * known + scaling[1]
        surplus = expit(scaled) - targets
        loss = float((np.logaddexp(0, scaled) - targets * scaled).mean())
        return loss, np.array([(surplus * known).mean(), surplus.mean()])

    found = minimize(
        negative_log_likelihood,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[_SLOPES, (None, None)],
        options={"ftol": 1e-12, "gtol": 1e-9},
    )
    return Scaling(*map(float, found.x))


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
) -> dict[float, OperatingPoint]:
    """Return for each false-positive rate the lowest threshold that calls no larger share of new real images AI.

    1. The threshold lies just above the real validation image of rank ceil((n + 1) (1 - rate)) among n. So the rate
       holds on average over validation splits (Vovk, Gammerman and Shafer, 2005, "Algorithmic learning in a random
       world", chapter 2).
    2. With fewer than 1 / rate - 1 real images no threshold keeps the rate, and the result lacks the rate.
    3. The rate of a single split varies. With 95 % confidence it is at most `bound` (Clopper and Pearson, 1934; Tong,
       Feng and Li, 2018, doi 10.1126/sciadv.aao1659).

    All of it holds for new real images drawn like the validation images, which are independent. Raises ValueError
    unless both classes are present.
    """
    real, _ = _by_class(probabilities, labels)
    return {rate: _operating_point(real, rate) for rate in rates if rate > 0 and len(real) >= images_needed(rate)}


def conformal_band(
    probabilities: Probabilities,
    labels: Labels,
    alpha: float,
    *,
    around: float,
    groups: NDArray[np.integer] | None = None,
) -> tuple[float, float]:
    """Return the narrowest band of probabilities of AI, `around` in it, in which a detector must not commit itself.

    Source: split conformal prediction by class and group, with training-conditional ranks (Vovk, 2012, "Conditional
    validity of inductive conformal predictors", proposition 2).

    1. The upper end is a probability of a real validation image. So few real validation images lie above it that, with
       97.5 % confidence, at most a share alpha of new real images does.
    2. The lower end holds the same for AI images.
    3. The lower end also holds for each of `groups` [N], such as generators, that has enough AI images by itself.
    4. The band holds `around`. So outside the band the threshold `around` decides at most a share alpha of each class
       wrongly, with 95 % confidence for both.
    5. If the threshold alone errs less, the band is only `around`: the better a detector is, the more it answers.

    The guarantee assumes nothing about the network. It holds for new images drawn like the validation images, which are
    independent, but not for generators that these lack. With too few images of a class there is no guarantee, and the
    band reaches 0 or 1. Raises ValueError unless both classes are present.
    """
    real, ai = _by_class(probabilities, labels)
    above, below = _errors_allowed(len(real), alpha), _errors_allowed(len(ai), alpha)
    high = float(real[len(real) - 1 - above]) if above >= 0 else 1.0
    low = float(ai[below]) if below >= 0 else 0.0
    for group in () if groups is None else np.unique(groups[labels == AI]):
        own = np.sort(probabilities[(labels == AI) & (groups == group)])
        if (below := _errors_allowed(len(own), alpha)) >= 0:
            low = min(low, float(own[below]))
    return min(low, around), max(high, around)


def _errors_allowed(count: int, alpha: float) -> int:
    """Return how many of `count` images may be wrong so that the true share is at most `alpha` but for DOUBT.

    The result is -1 if there are too few images to be that sure.
    """
    chances = bdtr(np.arange(count), count, alpha)  # of no more errors than 0, 1, ... if the true share is `alpha`
    return int(np.sum(chances <= DOUBT * (1 + _ROUNDING))) - 1


def _by_class(probabilities: Probabilities, labels: Labels) -> tuple[Probabilities, Probabilities]:
    """Return the sorted probabilities of the real and of the AI images."""
    real, ai = np.sort(probabilities[labels == REAL]), np.sort(probabilities[labels == AI])
    if not len(real) or not len(ai):
        raise ValueError(f"calibration needs both classes, there are {len(real)} real and {len(ai)} AI images")
    return real, ai


def _operating_point(real: Probabilities, rate: float) -> OperatingPoint:
    """Return the operating point for `rate` > 0 from the sorted probabilities of at least `images_needed` images."""
    rank = math.ceil((len(real) + 1) * (1 - rate) - _ROUNDING)
    if rank < 1:
        return OperatingPoint(0.0, 1.0)
    threshold = float(np.nextafter(real[rank - 1], np.inf))
    return OperatingPoint(threshold, float(betaincinv(len(real) + 1 - rank, rank, CONFIDENCE)))
