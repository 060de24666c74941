"""Measures how recent traffic differs from the reference that travels with the detector, and says why."""

from dataclasses import dataclass

import numpy as np

from model.detectors.traffic_sample import Reference, Sample
from model.estimate import Estimate
from model.monitoring.attribution import attribute
from model.monitoring.label_free_estimates import estimate_accuracy, estimate_ai_share, widen_for_unknown
from model.monitoring.limits import DriftLimits
from model.monitoring.signals import file_signals, probability_signals
from model.monitoring.suspects import Suspects, find_suspects
from model.monitoring.terms import Attribution, Signal


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How `rows` recent images differ from the reference.

    `reason` is a sentence with the numbers behind `attribution`. `suspects` are the positions of the images that may be
    by a new generator, the likeliest first. `accuracy` is the estimated share of right answers. `ai_share` is the
    estimated share of AI images. Both 95 % intervals are wide if images are of a kind that the reference does not hold.
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
        raise ValueError(f"{len(recent)} predictions cannot be compared with {len(reference.sample)} reference images")
    ai_share = estimate_ai_share(reference, recent.probability)
    found = find_suspects(reference, recent, threshold=threshold, ai_share=ai_share.value, limits=limits)
    signals = (
        *probability_signals(reference.sample, recent, threshold=threshold, band=band, limits=limits),
        *file_signals(reference.sample, recent, limits),
        *found.signals,
    )
    attribution, reason = attribute(signals)
    suspects = found.likeliest if attribution == "new_generator" else ()
    accuracy = estimate_accuracy(reference, recent.probability, threshold=threshold, ai_share=ai_share)
    unknown = _unknown(attribution, recent, found, threshold=threshold)
    return Drift(
        rows=len(recent),
        signals=signals,
        attribution=attribution,
        reason=reason,
        suspects=suspects,
        accuracy=widen_for_unknown(accuracy, unknown.share, likely=unknown.accuracy, worst=unknown.worst_accuracy),
        ai_share=widen_for_unknown(ai_share, unknown.share, likely=unknown.ai_share, worst=0.0),
    )


@dataclass(frozen=True)
class _Unknown:
    """The share of recent images unlike any in the reference, and the values assumed for them."""

    share: float = 0.0
    accuracy: float | None = None
    worst_accuracy: float = 0.0
    ai_share: float | None = None


def _unknown(attribution: Attribution, recent: Sample, found: Suspects, *, threshold: float) -> _Unknown:
    """Return the share of images the estimates do not cover, and the accuracy assumed for them."""
    if attribution == "new_generator":
        suspects = np.array(found.likeliest, dtype=int)
        called, share = float(np.mean(recent.probability[suspects] >= threshold)), len(suspects) / found.among
        rest = 1 - share  # of the group: likely all answered rightly, at worst half of them
        return _Unknown(found.among / len(recent), share * called + rest, worst_accuracy=rest / 2, ai_share=share)
    if attribution == "container":
        return _Unknown(1 - found.compared / len(recent), worst_accuracy=0.5)
    if attribution == "content":
        return _Unknown(min(1.0, max(0.0, found.distance)), worst_accuracy=0.5)
    return _Unknown()
