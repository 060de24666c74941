"""Estimates, without labels, how often the detector is right on recent images, and how many of the images are AI."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from model.detectors.traffic_sample import Reference
from model.estimate import CONFIDENCE, Estimate
from model.labels import AI

_CERTAIN: Final = 1e-6
_SHARES: Final = np.linspace(0.0, 1.0, 1001)

Probabilities = NDArray[np.float64]


def estimate_ai_share(reference: Reference, recent: Probabilities) -> Estimate:
    """Estimate the share of AI images in `recent`, calibrated probabilities [n]; the reference may have another share.

    The result is the maximum-likelihood share. Saerens, Latinne and Decaestecker find it by expectation maximisation
    (2002, "Adjusting the outputs of a classifier to new a priori probabilities"). Here all shares in steps of 0.001 are
    compared, and the interval follows from the same likelihood (Wilks, 1938).
    """
    share = _SHARES[:, np.newaxis]
    ai, real = _odds(recent, _prior(reference))
    likelihood = np.log(share * ai + (1 - share) * real).sum(axis=1)
    plausible = _SHARES[likelihood >= likelihood.max() - chi2.ppf(CONFIDENCE, 1) / 2]
    return Estimate(float(_SHARES[likelihood.argmax()]), float(plausible[0]), float(plausible[-1]))


def estimate_accuracy(reference: Reference, recent: Probabilities, *, threshold: float, ai_share: Estimate) -> Estimate:
    """Estimate the share of `recent` on the right side of `threshold` from how sure the detector is of them.

    The estimate is the mean probability [n] of the answers given, after Bayes' rule has adjusted it to `ai_share`. The
    error of this mean on the reference, whose labels are known, is added (difference of confidences, Guillory et al.,
    2021, arXiv 2107.03315). The estimate is valid for images of kinds that the reference holds.
    """
    known = reference.sample.probability
    missed = ((known >= threshold) == (reference.label == AI)) - _confidence(known, known, threshold)  # [m]

    def adjusted(share: float) -> Probabilities:
        ai, real = _odds(recent, _prior(reference))
        return _confidence(share * ai / (share * ai + (1 - share) * real), recent, threshold)

    right = adjusted(ai_share.value)
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(right.var() / len(right) + missed.var() / len(missed))
    means = [adjusted(share).mean() + missed.mean() for share in (ai_share.value, ai_share.low, ai_share.high)]
    return Estimate(*map(float, np.clip([means[0], min(means) - reach, max(means) + reach], 0.0, 1.0)))


def widen_for_unknown(known: Estimate, share: float, *, likely: float | None, worst: float) -> Estimate:
    """Widen an estimate if a `share` of the images is of a kind that the reference does not hold.

    For this share the value is `likely` (None: as for the rest), and the interval is min(worst, known.low) to 1.
    """
    rest = 1 - share
    return Estimate(
        rest * known.value + share * (known.value if likely is None else likely),
        rest * known.low + share * min(worst, known.low),
        rest * known.high + share,
    )


def _prior(reference: Reference) -> float:
    return float(np.clip(np.mean(reference.label == AI), _CERTAIN, 1 - _CERTAIN))


def _odds(probability: Probabilities, prior: float) -> tuple[Probabilities, Probabilities]:
    """Return the likelihood of each image if AI, and if real, each relative to its average likelihood."""
    sound = np.clip(probability, _CERTAIN, 1 - _CERTAIN)
    return sound / prior, (1 - sound) / (1 - prior)


def _confidence(believed: Probabilities, given: Probabilities, threshold: float) -> Probabilities:
    """Return the probability `believed` of the answer that the probability `given` leads to."""
    return np.where(given >= threshold, believed, 1 - believed)
