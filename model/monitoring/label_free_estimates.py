"""Estimates, without labels, how often the detector is right on recent images, and how many of the images are AI.

No method can do so for images of another kind than the reference's (Garg et al., 2022, arXiv 2201.04234).
`say_why_not` says when no estimate may be given.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp, norm

from model.detectors.traffic_sample import Reference, Sample
from model.estimate import CONFIDENCE, Estimate
from model.labels import AI
from model.monitoring.suspects import Suspects
from model.monitoring.terms import Attribution

MOST_OUTSIDE: Final = 0.05
"""Largest share of images out of the domain with which estimates are given: five times what chance makes."""
_DOUBT: Final = 0.05
"""How often chance alone may fail a test of likeness. It is far above `chance` of drift, because a wrong estimate is
worse than none."""

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


def say_why_not(
    reference: Sample, recent: Sample, *, attribution: Attribution, outside: float, found: Suspects
) -> str | None:
    """Return why neither accuracy nor AI share can be estimated from `recent`; None if both can.

    They can be estimated while recent images are like the reference's in every way that is measured:

    1. There is no drift.
    2. At most MOST_OUTSIDE of the images are out of the detector's domain; `outside` is their share.
    3. The probabilities have the distribution of the reference's (Kolmogorov-Smirnov test).
    4. The embeddings cannot be told from the reference's, as `found` says.

    A moved probability has two explanations that look the same without labels: another share of AI images, or mistakes.
    """
    if attribution != "none":
        return f"the traffic has drifted ({attribution})"
    if outside > MOST_OUTSIDE:
        return f"more than {MOST_OUTSIDE:.0%} of the images are out of the detector's domain"
    if ks_2samp(reference.probability, recent.probability).pvalue < _DOUBT:
        return "the probabilities are distributed otherwise than the reference's"
    if found.error is None:
        return "the embeddings are missing or too few to compare"
    if found.distance > float(norm.isf(_DOUBT)) * found.error:
        return "the embeddings can be told from the reference's"
    return None


def _prior(reference: Reference) -> float:
    return float(np.clip(np.mean(reference.label == AI), _CERTAIN, 1 - _CERTAIN))


def _odds(probability: Probabilities, prior: float) -> tuple[Probabilities, Probabilities]:
    """Return the likelihood of each image if AI, and if real, each relative to its average likelihood."""
    sound = np.clip(probability, _CERTAIN, 1 - _CERTAIN)
    return sound / prior, (1 - sound) / (1 - prior)


def _confidence(believed: Probabilities, given: Probabilities, threshold: float) -> Probabilities:
    """Return the probability `believed` of the answer that the probability `given` leads to."""
    return np.where(given >= threshold, believed, 1 - believed)
