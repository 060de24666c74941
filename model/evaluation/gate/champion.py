"""The gate's rules for a detector that is to replace another: both are compared on the same images."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from scipy.stats import norm

from model.estimate import CONFIDENCE, Estimate
from model.evaluation.gate.paired import Paired, difference
from model.evaluation.gate.policy import AgainstChampion, Policy
from model.evaluation.gate.proof import Trial, describe, get_clusters, get_rights
from model.evaluation.gate.rule import Rule, missing, percent, points
from model.evaluation.gate.slices import judge_slices
from model.evaluation.report import Report
from model.metrics import proportion

_CLASS: Final = "label"
"""The column of slices by class; false alarms and recall have rules of their own."""


def judge_new(ours: Report, theirs: Report, who: str) -> Rule:
    """Require another detector than the one that it is compared with."""
    differs = ours.onnx_sha256 != theirs.onnx_sha256
    detail = f"differs from the {who}" if differs else f"this is the {who} itself, byte for byte: nothing would change"
    return Rule(f"new, not the {who}", None, None, differs, detail)


def judge_same_images(ours: Report, theirs: Report, who: str) -> Rule | None:
    """Return the failed rule for reports on different images, None for reports on the same."""
    mine, other = set(ours.predictions.sha256), set(theirs.predictions.sha256)
    if mine == other and mine:
        return None
    shared = len(mine & other)
    detail = f"{len(mine)} images here, {len(other)} for the {who}, {shared} shared: evaluate both on the same images"
    return Rule(f"same images as the {who}", float(shared), float(len(mine)), passed=False, detail=detail)


def judge_falls(ours: Report, theirs: Report, policy: Policy, trial: Trial) -> Iterator[Rule]:
    """Refuse what has fallen by more than chance explains. Both reports must be of the same images.

    Only McNemar's test is limited to the images that decide: on the others, the champion has the luck that chose it. In
    slices and under degradations, whose margins are wide, all images show a fall.
    """
    limits, who = policy.champion, trial.who
    (mine, other), clusters = get_rights(ours, theirs), get_clusters(ours)
    deciding = np.array([sha256 in trial.deciding.images for sha256 in ours.predictions.sha256])
    if deciding.any():
        pair = Paired.of(mine[deciding], other[deciding], clusters[deciding])
        yield _not_worse(pair, limits.significance, who)
    groups = {column: values for column, values in ours.predictions.groups.items() if column != _CLASS}
    yield from judge_slices(groups, (mine, other), clusters, limits, who=who)
    yield _degraded(ours, theirs, limits, who)
    yield _answered(ours, theirs, policy, who)
    yield _stable(ours, theirs, limits.stable_margin, who)


def judge_growth(ours: Report, champion: Report, limits: AgainstChampion) -> Iterator[Rule]:
    """Limit time and size to a multiple of the champion's; values below the `unnoticed` limits always pass.

    Time is the median: on a busy machine the 95th percentile of a hundred images varies by half from run to run.
    """
    times = ours.latency.p50_ms, champion.latency.p50_ms
    yield _grown("latency", *times, limits.latency_growth, limits.unnoticed_ms, "ms (median)")
    yield _grown("size", ours.megabytes, champion.megabytes, limits.size_growth, limits.unnoticed_megabytes, "MB")


def judge_speed(ours: Report, original: Report, limits: AgainstChampion) -> Rule:
    """Require that a smaller variant is at least `variant_speed` times as fast as its original, by the median time.

    A smaller gain could be chance.
    """
    mine, other, wanted = ours.latency.p50_ms, original.latency.p50_ms, limits.variant_speed
    detail = f"{mine:.1f} ms (median), the original {other:.1f}; {wanted:g} times as fast is required"
    return Rule("faster than the original", mine, other / wanted, mine <= other / wanted, detail)


def _not_worse(pair: Paired, significance: float, who: str) -> Rule:
    chance = pair.chance
    verdict = "equal" if chance >= significance else "better" if pair.gain > 0 else "worse"
    detail = (
        f"{verdict}: of {describe(pair, 'images')} {pair.won} were won and {pair.lost} lost;"
        f" equal detectors differ as much with a chance of {percent(chance)}"
    )
    return Rule(f"McNemar's test against the {who}", chance, significance, verdict != "worse", detail)


def _degraded(ours: Report, theirs: Report, limits: AgainstChampion, who: str) -> Rule:
    """Refuse a fall under any degradation, by Bonferroni's correction for their number."""
    name, margin = f"degraded accuracy against the {who}", limits.degraded_margin
    mine = {degraded.name: degraded.accuracy for degraded in ours.robustness}
    other = {degraded.name: degraded.accuracy for degraded in theirs.robustness}
    if not other or other.keys() - mine.keys():
        return missing(name, -margin, ", ".join(sorted(other.keys() - mine.keys())) or "degraded images")
    widened = float(norm.ppf(1 - limits.significance / len(other)) / norm.ppf((1 + CONFIDENCE) / 2))
    gains = {kind: difference(mine[kind], other[kind], widened=max(1.0, widened)) for kind in other}
    return _no_fall(name, gains, margin)


def _answered(ours: Report, theirs: Report, policy: Policy, who: str) -> Rule:
    """Refuse a fall of the share that is answered and right; who answers wrongly what it should doubt gains nothing.

    A champion that breaks the promise of its band cannot refuse anybody, because its answers are no merit. Source of
    coverage at equal risk: El-Yaniv and Wiener, 2010.
    """
    name, margin = f"answered and right against the {who}", policy.champion.answered_margin
    mine, other = _share_answered(ours), _share_answered(theirs)
    if mine is None or other is None:
        return missing(name, -margin, "share of images that are answered")
    rule = _no_fall(name, {"answered and right": difference(mine[0], other[0])}, margin)
    limit = policy.alone.max_answered_error
    if other[1].low <= limit:
        return rule
    broken = (
        f"the {who} breaks its own promise: it answers {percent(other[1].value)} of all images wrongly, and"
        f" {percent(limit)} is allowed, so its answers are no measure; {rule.detail}"
    )
    return Rule(name, rule.value, rule.limit, passed=True, detail=broken)


def _share_answered(report: Report) -> tuple[Estimate, Estimate] | None:
    """Return the share of all images that is answered and right, and the share that is answered and wrong."""
    answered, wrong = report.overall.get("answered"), report.overall.get("answered_error")
    if answered is None or (wrong is None and answered.value > 0):
        return None
    mistaken = answered.value * wrong.value if wrong else 0.0
    rows = report.rows
    return proportion(round((answered.value - mistaken) * rows), rows), proportion(round(mistaken * rows), rows)


def _stable(ours: Report, theirs: Report, margin: float, who: str) -> Rule:
    name = f"stability against the {who}"
    if ours.stable is None or theirs.stable is None:
        return missing(name, -margin, "stability")
    return _no_fall(name, {"stability": difference(ours.stable, theirs.stable)}, margin)


def _no_fall(name: str, gains: Mapping[str, Estimate], margin: float) -> Rule:
    """Refuse a loss that is larger than the margin and than chance explains.

    The intervals ignore that both detectors saw the same images, so they are wider than necessary.
    """
    worst = min(gains, key=lambda kind: (gains[kind].value, kind))
    fallen = sorted(kind for kind, gain in gains.items() if -gain.value > margin and gain.high < 0)
    told = [f"{k} {points(gains[k].value)} points ({points(gains[k].low)} to {points(gains[k].high)})" for k in fallen]
    detail = "fallen: " + "; ".join(told) if fallen else f"worst: {worst} {points(gains[worst].value)} points"
    counts = f"a proven fall of more than {100 * margin:.2f} counts"
    return Rule(name, gains[worst].value, -margin, not fallen, f"{detail}; {counts}")


def _grown(what: str, ours: float, champion: float, growth: float, unnoticed: float, unit: str) -> Rule:
    limit = max(growth * champion, unnoticed)
    detail = f"{ours:.1f} {unit}, the champion {champion:.1f}; {growth:g} times as much is allowed, or {unnoticed:g}"
    return Rule(f"{what} against the champion", ours, limit, ours <= limit, detail)
