"""Estimates without labels: how often the detector is right on recent images, and how many of them are AI."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.labels import AI
from model.metrics import CONFIDENCE, Estimate
from model.sample import Reference

_ROUNDS: Final = 200
_STEPS: Final = 50
"""Enough for expectation maximisation to come within a thousandth, but for classes that can hardly be told apart."""
_CERTAIN: Final = 1e-6

Probabilities = NDArray[np.float64]


def estimate_ai_share(reference: Reference, recent: Probabilities, *, seed: int = 0) -> Estimate:
    """Estimate the share of AI images among `recent`, whose classes may have another ratio than the reference's.

    Saerens, Latinne and Decaestecker, 2002, "Adjusting the outputs of a classifier to new a priori probabilities":
    expectation maximisation over calibrated probabilities, with a percentile interval over 200 resamples of `recent`.
    """
    shares = _shares(_resampled(recent, seed), _prior(reference))
    return _interval(float(_shares(recent[np.newaxis], _prior(reference))[0]), shares)


def estimate_accuracy(reference: Reference, recent: Probabilities, *, threshold: float, seed: int = 0) -> Estimate:
    """Estimate the share of `recent` on the right side of `threshold` from how sure the detector is of them.

    The mean probability of the answer given, after the probabilities are adjusted to the estimated share of AI images,
    plus what that misses on the reference, whose labels are known (difference of confidences, Guillory et al., 2021,
    arXiv 2107.03315). The percentile interval is over 200 resamples of both. It holds while the images
    are of kinds that the reference holds.
    """
    prior = _prior(reference)
    known = reference.sample.probability
    surplus = ((known >= threshold) == (reference.label == AI)) - _confidence(known, threshold)  # [m]
    rounds = _resampled(recent, seed)
    missed = _resampled(surplus, seed + 1).mean(axis=1)
    value = _adjusted_confidence(recent[np.newaxis], prior, threshold)[0] + surplus.mean()
    return _interval(float(value), _adjusted_confidence(rounds, prior, threshold) + missed)


def mix(known: Estimate, *, doubtful: float, likely: float, worst: float, best: float) -> Estimate:
    """Widen a share among images of which a share `doubtful` is of a kind that the reference says nothing about.

    Of those it is `likely`, and anything from `worst` to `best`.
    """
    rest = 1 - doubtful
    return Estimate(
        rest * known.value + doubtful * likely, rest * known.low + doubtful * worst, rest * known.high + doubtful * best
    )


def _prior(reference: Reference) -> float:
    return float(np.mean(reference.label == AI))


def _confidence(probability: Probabilities, threshold: float) -> Probabilities:
    return np.where(probability >= threshold, probability, 1 - probability)


def _adjusted_confidence(rounds: Probabilities, prior: float, threshold: float) -> Probabilities:
    """Return the mean confidence [r] of rounds [r, n], the threshold applied to the probabilities as they are given."""
    adjusted = _adjust(rounds, prior, _shares(rounds, prior)[:, np.newaxis])
    return np.where(rounds >= threshold, adjusted, 1 - adjusted).mean(axis=1)


def _shares(rounds: Probabilities, prior: float) -> Probabilities:
    """Return the maximum-likelihood share of AI [r] of each round of probabilities [r, n]."""
    share = np.full((len(rounds), 1), prior)
    for _ in range(_STEPS):
        share = _adjust(rounds, prior, share).mean(axis=1, keepdims=True)
    return share[:, 0]


def _adjust(probability: Probabilities, prior: float, share: Probabilities) -> Probabilities:
    """Turn probabilities that hold for a share `prior` of AI images into those for another share (Bayes' rule)."""
    sound = np.clip(probability, _CERTAIN, 1 - _CERTAIN)
    ai = sound * share / prior
    real = (1 - sound) * (1 - share) / (1 - prior)
    return ai / (ai + real)


def _resampled(values: Probabilities, seed: int) -> Probabilities:
    return np.random.default_rng(seed).choice(values, (_ROUNDS, len(values)))


def _interval(value: float, rounds: Probabilities) -> Estimate:
    low, high = np.quantile(rounds, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    within = np.clip([value, min(low, value), max(high, value)], 0.0, 1.0)
    return Estimate(*map(float, within))
