"""Suspects: recent images in files like the reference's that may be by a generator the reference does not hold."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm

from model.containers import comparable
from model.drift_policy import DriftLimits
from model.drift_signals import Signal
from model.labels import AI, CLASSES, REAL
from model.mean_shift import measure_shift
from model.sample import Reference, Sample
from model.telling_apart import tell_apart

EMBEDDING_DISTANCE: Final = "embedding_distance"
DENSE_GROUP: Final = "dense_group"
DOUBTFUL_GROUP: Final = "doubtful_group"
REAL_SHIFT: Final = "real_shift"

_LEAST_COMPARED: Final = 30
"""Comparable images below which no group is looked for."""
_SMALLEST_GROUP: Final = 10
"""Images that a dense group has at least: fewer lie together by chance."""
_LEAST_PER_AXIS: Final = 2
"""Images of either side for each axis of the embedding, below which no shift is measured."""
_DOUBTFUL: Final = 0.1
"""Share of the reference's images, those the detector is least sure of, that count as doubtful."""
_RAREST: Final = 0.02
"""Share of a class below which the weights of its images no longer fall: they must still tell where it lies."""
_CERTAIN: Final = 1e-6

Positions = NDArray[np.integer]
Finding = tuple[Signal, Positions]
"""A signal, and the positions of the images behind it, the likeliest suspects first."""


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """What the comparison of like with like found among the recent images.

    `compared` of them are in files like the reference's; `likeliest` are the positions of those behind the strongest
    signal that is over its limit, the likeliest first.
    """

    compared: int
    signals: tuple[Signal, ...]
    likeliest: tuple[int, ...]


def find_suspects(
    reference: Reference, recent: Sample, *, threshold: float, ai_share: float, limits: DriftLimits
) -> Suspects:
    """Look among those recent images whose files are like the reference's for what no image of the reference is like.

    So what another codec or size does to the detector is left out. A generator that leaves traces of its own is a dense
    group elsewhere in the embedding; one that the detector takes for neither class makes doubtful images many; one that
    it takes for real shifts what it is sure is real. Another share of AI images, `ai_share`, does none of that. Where
    too few files are comparable there is no group, and the distance in the embedding is that of all recent images.
    """
    alike = np.flatnonzero(comparable(reference.sample, recent))
    enough = len(alike) >= _LEAST_COMPARED
    looked_at = alike if enough else np.arange(len(recent))
    images = recent.take(looked_at)
    distance, dense = _look_elsewhere(reference, images, ai_share, limits)
    findings = (
        dense,
        _look_between(reference, images, threshold, limits),
        _look_inside(reference, images, threshold, limits),
    )
    if not enough:
        findings = tuple((Signal.against(signal.name, 0.0, signal.limit), np.arange(0)) for signal, _ in findings)
    likeliest = next((positions for signal, positions in findings if signal.over), np.arange(0))
    return Suspects(
        compared=len(alike),
        signals=(distance, *(signal for signal, _ in findings)),
        likeliest=tuple(map(int, looked_at[likeliest])),
    )


def _look_elsewhere(
    reference: Reference, recent: Sample, ai_share: float, limits: DriftLimits
) -> tuple[Signal, Finding]:
    """Measure the distance in the embedding, at equal shares of the classes, and look for a dense group there."""
    limit = max(limits.dense_group, _SMALLEST_GROUP / len(recent))
    if reference.sample.embedding is None or recent.embedding is None:
        unknown = Signal.against(EMBEDDING_DISTANCE, 0.0, limits.embedding_distance)
        return unknown, (Signal.against(DENSE_GROUP, 0.0, limit), np.arange(0))
    shares = np.clip([1 - ai_share, ai_share], _RAREST, 1 - _RAREST)
    weight = shares[reference.label] / np.bincount(reference.label, minlength=len(CLASSES))[reference.label]
    apart = tell_apart(reference.sample.embedding, recent.embedding, weight=weight)
    distance = Signal.against(EMBEDDING_DISTANCE, apart.distance, limits.embedding_distance)
    return distance, (Signal.against(DENSE_GROUP, len(apart.group) / len(recent), limit), apart.group)


def _look_between(reference: Reference, recent: Sample, threshold: float, limits: DriftLimits) -> Finding:
    """Compare the share of doubtful images with that of the class of the reference that has more of them."""
    before, now = (_sureness(sample.probability, threshold) for sample in (reference.sample, recent))
    doubtful = np.quantile(before, _DOUBTFUL)
    classes = [before[reference.label == label] for label in (REAL, AI)]
    share, size = max((float(np.mean(own <= doubtful)), len(own)) for own in classes if len(own))
    error = math.sqrt(max(share, _DOUBTFUL) * (1 - share) * (1 / size + 1 / len(now)))
    limit = max(limits.doubtful_group, float(norm.isf(limits.chance)) * error)
    order = np.argsort(now, kind="stable")[: int(np.sum(now <= doubtful))]
    return Signal.against(DOUBTFUL_GROUP, float(np.mean(now <= doubtful)) - share, limit), order


def _look_inside(reference: Reference, recent: Sample, threshold: float, limits: DriftLimits) -> Finding:
    """Compare where those images lie that the detector is sure are real; what it calls AI is of many kinds anyway."""
    unknown = Signal.against(REAL_SHIFT, 0.0, limits.real_shift), np.arange(0)
    if reference.sample.embedding is None or recent.embedding is None:
        return unknown
    doubtful = np.quantile(_sureness(reference.sample.probability, threshold), _DOUBTFUL)
    before, now = (
        np.flatnonzero((_sureness(sample.probability, threshold) > doubtful) & (sample.probability < threshold))
        for sample in (reference.sample, recent)
    )
    if min(len(before), len(now)) < _LEAST_PER_AXIS * recent.embedding.shape[1]:
        return unknown
    shift = measure_shift(reference.sample.embedding[before], recent.embedding[now], chance=limits.chance)
    outside = np.argsort(-shift.outward, kind="stable")[: int(np.sum(shift.outward > shift.edge))]
    return Signal.against(REAL_SHIFT, shift.distance, max(limits.real_shift, shift.by_chance)), now[outside]


def _sureness(probability: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """Return how far the log-odds of probabilities are from those of the threshold."""
    log_odds, cut = (logit(np.clip(values, _CERTAIN, 1 - _CERTAIN)) for values in (probability, threshold))
    sureness: NDArray[np.float64] = np.abs(log_odds - cut)
    return sureness
