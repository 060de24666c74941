"""Finds recent images that may be by an unknown generator, among files like the reference's."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm

from model.detectors.traffic_sample import Reference, Sample
from model.labels import AI, CLASSES, REAL
from model.monitoring.limits import DriftLimits
from model.monitoring.mean_shift import measure_shift
from model.monitoring.similar_files import comparable
from model.monitoring.terms import DENSE_GROUP, DOUBTFUL_GROUP, EMBEDDING_DISTANCE, REAL_SHIFT, Signal
from model.monitoring.two_sample_classifier import tell_apart

_LEAST_COMPARED: Final = 30
"""Fewest images that are compared with the reference, and fewest comparable ones in which a group is looked for."""
_SMALLEST_GROUP: Final = 15
"""Fewest images of a dense group: fewer lie together by chance."""
_LEAST_PER_AXIS: Final = (3, 2)
"""Fewest images of the reference, and fewest recent images, for each axis of the embedding when a shift is measured.
The axes were fitted to the reference. So with few reference images every measurement repeats the same error."""
_MOST_MISTAKES: Final = 0.1
"""Largest share of known AI images among images that look real. Above it, known AI images may cause a shift."""
_DOUBTFUL: Final = 0.1
"""Share of the reference's images that count as doubtful: the images that the detector is least sure of."""
_RAREST: Final = 0.02
"""Smallest share a class is weighted with."""
_CERTAIN: Final = 1e-6

Positions = NDArray[np.integer]
Sureness = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """A signal, and the positions of the suspects behind it, the likeliest first, out of a group of `among` images."""

    signal: Signal
    suspects: Positions
    among: int


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """What was found among recent images whose files are like the reference's.

    `compared` is the number of these images, and `distance` is how far they are from the reference in the embedding.
    `error` is the standard deviation of the distance by chance; None: there are no embeddings to compare.
    `likeliest` are the positions of the suspects, the likeliest first, out of a group of `among` images. The suspects
    are those of the first signal over its limit: dense group, doubtful group, real shift.
    """

    compared: int
    distance: float
    error: float | None
    signals: tuple[Signal, ...]
    likeliest: tuple[int, ...]
    among: int


def find_suspects(
    reference: Reference, recent: Sample, *, threshold: float, ai_share: float, limits: DriftLimits
) -> Suspects:
    """Among recent images whose files resemble the reference's, find those that resemble no reference image.

    Other files are left out because another codec or size affects the detector, too. An unknown generator shows in one
    of three ways:

    - It leaves traces of its own: a dense group elsewhere in the embedding.
    - The detector takes its images for neither class: many doubtful images.
    - The detector takes its images for real: the images that it is sure are real have shifted.

    Another share of AI images, `ai_share`, shows in none of the three ways. If too few files are comparable, no group
    is looked for, and the distance in the embedding is that of all images.
    """
    alike = np.flatnonzero(comparable(reference.sample, recent))
    enough = len(alike) >= _LEAST_COMPARED
    looked_at = alike if enough else np.arange(len(recent))
    images = recent.take(looked_at)
    distance, error, dense = _find_dense_group(reference, images, ai_share, limits)
    groups: tuple[Group, ...] = (
        dense,
        _find_doubtful_group(reference, images, threshold, limits),
        _find_real_shift(reference, images, threshold, ai_share, limits),
    )
    if not enough:
        groups = tuple(_nothing(group.signal.name, group.signal.limit) for group in groups)
    strongest = next((group for group in groups if group.signal.over), groups[0])
    return Suspects(
        compared=len(alike),
        distance=distance.value,
        error=error,
        signals=(distance, *(group.signal for group in groups)),
        likeliest=tuple(map(int, looked_at[strongest.suspects])),
        among=strongest.among,
    )


def _nothing(name: str, limit: float) -> Group:
    return Group(Signal.against(name, 0.0, limit), np.arange(0), 0)


def _find_dense_group(
    reference: Reference, recent: Sample, ai_share: float, limits: DriftLimits
) -> tuple[Signal, float | None, Group]:
    """Measure the distance in the embedding, the classes weighted by `ai_share`, and look for a dense group there.

    The number is the standard deviation of the distance by chance.
    """
    limit = max(limits.dense_group, _SMALLEST_GROUP / len(recent))
    if reference.sample.embedding is None or recent.embedding is None or len(recent) < _LEAST_COMPARED:
        unknown = Signal.against(EMBEDDING_DISTANCE, 0.0, limits.embedding_distance)
        return unknown, None, _nothing(DENSE_GROUP, limit)
    shares = np.clip([1 - ai_share, ai_share], _RAREST, 1 - _RAREST)
    weight = shares[reference.label] / np.bincount(reference.label, minlength=len(CLASSES))[reference.label]
    apart = tell_apart(reference.sample.embedding, recent.embedding, weight=weight)
    by_chance = float(norm.isf(limits.chance)) * apart.error
    distance = Signal.against(EMBEDDING_DISTANCE, apart.distance, max(limits.embedding_distance, by_chance))
    dense = Signal.against(DENSE_GROUP, len(apart.group) / len(recent), limit)
    return distance, apart.error, Group(dense, apart.group, len(apart.group))


def _find_doubtful_group(reference: Reference, recent: Sample, threshold: float, limits: DriftLimits) -> Group:
    """Compare the share of doubtful images with the share in the reference's class that has more of them."""
    before, now, doubtful = _measure_sureness(reference.sample, recent, threshold)
    classes = [before[reference.label == label] for label in (REAL, AI)]
    share, size = max((float(np.mean(own <= doubtful)), len(own)) for own in classes if len(own))
    error = math.sqrt(max(share, _DOUBTFUL) * (1 - share) * (1 / size + 1 / len(now)))
    limit = max(limits.doubtful_group, float(norm.isf(limits.chance)) * error)
    order = np.argsort(now, kind="stable")[: int(np.sum(now <= doubtful))]
    return Group(Signal.against(DOUBTFUL_GROUP, len(order) / len(now) - share, limit), order, len(order))


def _find_real_shift(
    reference: Reference, recent: Sample, threshold: float, ai_share: float, limits: DriftLimits
) -> Group:
    """Measure how far the images have moved that the detector is sure are real.

    Images that the detector calls AI are not compared, because they are of many kinds anyway.
    """
    if reference.sample.embedding is None or recent.embedding is None:
        return _nothing(REAL_SHIFT, limits.real_shift)
    *sureness, doubtful = _measure_sureness(reference.sample, recent, threshold)
    before, now = (
        np.flatnonzero((sure > doubtful) & (sample.probability < threshold))
        for sure, sample in zip(sureness, (reference.sample, recent), strict=True)
    )
    axes = recent.embedding.shape[1]
    few = len(before) < _LEAST_PER_AXIS[0] * axes or len(now) < _LEAST_PER_AXIS[1] * axes
    if few or _expect_mistakes(reference, before, ai_share) > _MOST_MISTAKES:
        return _nothing(REAL_SHIFT, limits.real_shift)
    shift = measure_shift(reference.sample.embedding[before], recent.embedding[now], chance=limits.chance)
    outside = np.argsort(-shift.outward, kind="stable")[: max(1, int(np.sum(shift.outward > shift.edge)))]
    signal = Signal.against(REAL_SHIFT, shift.distance, max(limits.real_shift, shift.by_chance))
    return Group(signal, now[outside], len(now))


def _expect_mistakes(reference: Reference, called_real: Positions, ai_share: float) -> float:
    """Return the expected share of AI images among images like `called_real`, if `ai_share` of all images are AI."""
    real, ai = np.bincount(reference.label[called_real], minlength=len(CLASSES)) / np.maximum(
        1, np.bincount(reference.label, minlength=len(CLASSES))
    )
    mistaken, right = ai_share * ai, (1 - ai_share) * real
    return float(mistaken / (mistaken + right)) if mistaken else 0.0


def _measure_sureness(reference: Sample, recent: Sample, threshold: float) -> tuple[Sureness, Sureness, float]:
    """Return how far in log-odds both samples are from the threshold, and below which distance an image is doubtful."""
    cut, before, now = (
        logit(np.clip(values, _CERTAIN, 1 - _CERTAIN))
        for values in (threshold, reference.probability, recent.probability)
    )
    sureness = np.abs(before - cut)
    return sureness, np.abs(now - cut), float(np.quantile(sureness, _DOUBTFUL))
