"""Drift: how recent traffic differs from the reference that travels with the detector, and why."""

from dataclasses import dataclass

import numpy as np

from model.drift_attribution import DENSE_GROUP, EMBEDDING_DISTANCE, attribute
from model.drift_policy import DriftLimits
from model.drift_signals import Signal, file_signals, probability_signals
from model.drift_terms import Attribution
from model.estimate import estimate_accuracy, estimate_ai_share
from model.metrics import Estimate
from model.novelty import known_containers, novel_images, own_neighbours
from model.sample import Reference, Sample

__all__ = ["Attribution", "Drift", "DriftLimits", "Signal", "measure"]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How `rows` recent images differ from the reference.

    `reason` is a sentence with the numbers behind `attribution`. `suspects` are the positions of the images that may be
    by a new generator. `accuracy` is the estimated share of right answers, `ai_share` that of AI images, both with
    95 % intervals.
    """

    rows: int
    signals: tuple[Signal, ...]
    attribution: Attribution
    reason: str
    suspects: tuple[int, ...]
    accuracy: Estimate
    ai_share: Estimate


def measure(
    reference: Reference, recent: Sample, *, threshold: float, band: tuple[float, float], limits: DriftLimits
) -> Drift:
    """Measure how `recent` predictions differ from the reference of the detector that gave them, and say why.

    `threshold` and `band` are the detector's. The same arguments give the same result. Raises ValueError for an empty
    sample or reference.
    """
    if not len(recent) or not len(reference.sample):
        raise ValueError(f"{len(recent)} predictions cannot be compared with {len(reference.sample)} of a reference")
    known = known_containers(reference.sample, recent)
    novel = np.flatnonzero(known)[novel_images(reference.sample, recent.take(known))]
    signals = (
        *probability_signals(reference.sample, recent, threshold=threshold, band=band, limits=limits),
        *file_signals(reference.sample, recent, limits),
        Signal.against(EMBEDDING_DISTANCE, own_neighbours(reference.sample, recent), limits.embedding_distance),
        Signal.against(DENSE_GROUP, len(novel) / len(recent), limits.dense_group),
    )
    attribution, reason = attribute(signals)
    ai_share = estimate_ai_share(reference, recent.probability)
    return Drift(
        rows=len(recent),
        signals=signals,
        attribution=attribution,
        reason=reason,
        suspects=tuple(map(int, novel)) if attribution == "new_generator" else (),
        accuracy=estimate_accuracy(reference, recent.probability, threshold=threshold, ai_share=ai_share),
        ai_share=ai_share,
    )
