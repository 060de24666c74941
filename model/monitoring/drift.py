"""Measures how recent traffic differs from the reference that travels with the detector, and says why."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.detectors.traffic_sample import Reference, Sample
from model.estimate import Estimate
from model.monitoring.attribution import attribute
from model.monitoring.bursts import thin_bursts
from model.monitoring.label_free_estimates import estimate_accuracy, estimate_ai_share, say_why_not
from model.monitoring.limits import DriftLimits
from model.monitoring.near_copies import leave_out_near_copies
from model.monitoring.signals import file_signals, probability_signals
from model.monitoring.suspects import find_suspects
from model.monitoring.terms import Attribution, Signal


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How recent images differ from the reference: `rows` images, of which `independent` count.

    `reason` is a sentence with the numbers behind `attribution`. `suspects` are the positions of the images that may be
    by a new generator, the likeliest first. `accuracy` is the estimated share of right answers. `ai_share` is the
    estimated share of AI images. Both are None if nothing is known about them: `not_estimable` says why.
    """

    rows: int
    independent: int
    signals: tuple[Signal, ...]
    attribution: Attribution
    reason: str
    suspects: tuple[int, ...]
    accuracy: Estimate | None
    ai_share: Estimate | None
    not_estimable: str | None


def measure(
    reference: Reference,
    recent: Sample,
    *,
    threshold: float,
    band: tuple[float, float],
    limits: DriftLimits,
    outside: float = 0.0,
) -> Drift:
    """Measure how `recent` predictions differ from the reference of the detector that gave them, and say why.

    `recent` is sorted by time, the oldest first. Near-copies in it count once. `threshold` and `band` are the
    detector's, `outside` is the share of `recent` out of its domain. The same arguments give the same result. Raises
    ValueError for an empty sample or reference.
    """
    if not len(recent) or not len(reference.sample):
        raise ValueError(f"{len(recent)} predictions cannot be compared with {len(reference.sample)} reference images")
    rows, kept = len(recent), _find_independent(reference.sample, recent)
    recent = recent.take(kept)
    ai_share = estimate_ai_share(reference, recent.probability)
    found = find_suspects(reference, recent, threshold=threshold, ai_share=ai_share.value, limits=limits)
    signals = (
        *probability_signals(reference.sample, recent, threshold=threshold, band=band, limits=limits),
        *file_signals(reference.sample, recent, limits),
        *found.signals,
    )
    attribution, reason = attribute(signals)
    suspects = tuple(map(int, kept[list(found.likeliest)])) if attribution == "new_generator" else ()
    why_not = say_why_not(reference.sample, recent, attribution=attribution, outside=outside, found=found)
    accuracy = estimate_accuracy(reference, recent.probability, threshold=threshold, ai_share=ai_share)
    return Drift(
        rows=rows,
        independent=len(recent),
        signals=signals,
        attribution=attribution,
        reason=reason,
        suspects=suspects,
        accuracy=None if why_not else accuracy,
        ai_share=None if why_not else ai_share,
        not_estimable=why_not,
    )


def _find_independent(reference: Sample, recent: Sample) -> NDArray[np.integer]:
    """Return the positions of the recent images that count: near-copies count once, and bursts are thinned."""
    kept = leave_out_near_copies(reference, recent)
    return kept[thin_bursts(recent.take(kept))]
