"""The gate's rules for a detector that is to replace another: both are compared on the same images."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from model.estimate import Estimate
from model.evaluation.gate.paired import Paired, Rights, difference
from model.evaluation.gate.policy import AgainstChampion
from model.evaluation.gate.rule import Rule, missing, percent, points
from model.evaluation.report import Report
from model.sources.reports import SOURCE as REPORTS

_SMALL = "the small slices together"


def judge_against(ours: Report, theirs: Report, limits: AgainstChampion, *, who: str = "champion") -> Iterator[Rule]:
    """Compare a report with another detector's report on the same images; `who` names that detector in the rules."""
    yield _new(ours, theirs, who)
    yield from _paired(ours, theirs, limits, who)
    yield _degraded(ours, theirs, limits.degraded_margin, who)
    answered = ours.overall.get("answered"), theirs.overall.get("answered")
    yield _kept("answered", *answered, limits.answered_margin, who)
    yield _kept("stability", ours.stable, theirs.stable, limits.stable_margin, who)


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


def _new(ours: Report, theirs: Report, who: str) -> Rule:
    differs = ours.onnx_sha256 != theirs.onnx_sha256
    detail = f"differs from the {who}" if differs else f"this is the {who} itself, byte for byte: nothing would change"
    return Rule(f"new, not the {who}", None, None, differs, detail)


def _paired(ours: Report, theirs: Report, limits: AgainstChampion, who: str) -> Iterator[Rule]:
    mine, other = ours.correct, theirs.correct
    if mine.keys() != other.keys() or not mine:
        shared = len(mine.keys() & other.keys())
        detail = (
            f"{len(mine)} images here, {len(other)} for the {who}, {shared} shared: evaluate both on the same images"
        )
        yield Rule(f"same images as the {who}", float(shared), float(len(mine)), passed=False, detail=detail)
        return
    order = ours.predictions.sha256
    rights = np.array([mine[sha256] for sha256 in order]), np.array([other[sha256] for sha256 in order])
    pair = Paired.of(*rights)
    yield _not_inferior(pair, limits, who)
    yield _not_worse(pair, limits.significance, who)
    yield _canary(ours, rights, limits, who)
    yield from _slices(ours.predictions.groups, rights, limits, who)


def _not_inferior(pair: Paired, limits: AgainstChampion, who: str) -> Rule:
    """Require proof that at most the margin is lost. If images are too few for proof, require that nothing is lost."""
    gain, margin = pair.difference, limits.margin
    proven = gain.low >= -margin
    if proven:
        reason = f"proven to lose at most {100 * margin:.2f}"
    elif gain.high < -margin:
        reason = f"proven to lose more than {100 * margin:.2f}"
    else:
        reason = f"{pair.images} images cannot prove that it loses at most {100 * margin:.2f}"
        reason += ", and proof is required" if limits.require_proof else ", so it must not be behind"
    passed = proven or (gain.value >= 0 and not limits.require_proof)
    detail = f"{points(gain.value)} points (95 % interval {points(gain.low)} to {points(gain.high)}): {reason}"
    return Rule(f"accuracy against the {who}", gain.low, -margin, passed, detail)


def _not_worse(pair: Paired, significance: float, who: str) -> Rule:
    chance = pair.chance
    verdict = "equal" if chance >= significance else "better" if pair.gain > 0 else "worse"
    detail = (
        f"{verdict}: of {pair.images} images {pair.won} were won and {pair.lost} lost;"
        f" equal detectors differ as much with a chance of {percent(chance)}"
    )
    return Rule(f"McNemar's test against the {who}", chance, significance, verdict != "worse", detail)


def _canary(ours: Report, rights: tuple[Rights, Rights], limits: AgainstChampion, who: str) -> Rule:
    """Repeat both rules on the images that no user report brought: reporters must not choose what is measured.

    A dataset version keeps reports out of its test split. If an image from a report is in it all the same, this rule
    leaves the image out.
    """
    sources = ours.predictions.groups.get("source", (None,) * ours.rows)
    own = np.array([source != REPORTS for source in sources])
    name = f"canary against the {who}"
    if not own.any():
        return missing(name, -limits.margin, "images from other sources than reports")
    pair = Paired.of(*(right[own] for right in rights))
    asked = _not_inferior(pair, limits, who), _not_worse(pair, limits.significance, who)
    detail = "; ".join(rule.detail for rule in asked if not rule.passed) or asked[0].detail
    which = f"on the {pair.images} of {len(own)} images that no report brought"
    return Rule(name, asked[0].value, asked[0].limit, all(rule.passed for rule in asked), f"{which}: {detail}")


def _slices(
    groups: Mapping[str, Sequence[str | None]],
    rights: tuple[Rights, Rights],
    limits: AgainstChampion,
    who: str,
) -> Iterator[Rule]:
    """Refuse a loss of accuracy in a slice that is larger than the margin and than chance explains.

    1. McNemar's test is exact for any number of images, so noise in a small slice refuses no detector.
    2. Bonferroni's correction over all slices that are large enough to refuse one keeps the chance of a false refusal
       below `significance`.
    3. Small slices are also judged together, which shows a loss that is spread over many of them.
    """
    if not groups:
        yield missing(f"slices against the {who}", -limits.slice_margin, "groups of images")
    pairs = {column: _pair_slices(values, rights, limits.small_slice) for column, values in groups.items()}
    looked_at = _count_telling([pair for slices in pairs.values() for pair in slices.values()], limits.significance)
    for column, slices in pairs.items():
        if slices:
            yield _slice(f"slices by {column} against the {who}", slices, looked_at, limits)


def _count_telling(pairs: Iterable[Paired], significance: float) -> int:
    """Count the slices to allow for: not those of so few images that no result of theirs could count.

    Tarone, 1990, "A modified Bonferroni method for discrete data". Else a thousand slices of one image each, which
    whoever supplies images can make, would hide a fall in all others.
    """
    least = sorted(0.5 ** (pair.images - 1) for pair in pairs)
    telling = (count for count in range(1, len(least)) if bisect_left(least, significance / count) <= count)
    return next(telling, len(least))


def _pair_slices(values: Sequence[str | None], rights: tuple[Rights, Rights], small: int) -> dict[str, Paired]:
    members = defaultdict(list)
    for index, value in enumerate(values):
        if value is not None:
            members[value].append(index)
    little = [name for name, indices in members.items() if len(indices) < small]
    if len(little) > 1:
        members[_SMALL] = [index for name in little for index in members[name]]
    ours, theirs = rights
    return {name: Paired.of(ours[indices], theirs[indices]) for name, indices in members.items()}


def _slice(name: str, slices: Mapping[str, Paired], looked_at: int, limits: AgainstChampion) -> Rule:
    margin = limits.slice_margin

    def harmed(pair: Paired) -> bool:
        return -pair.gain > margin and pair.chance * looked_at < limits.significance

    def describe(value: str) -> str:
        pair = slices[value]
        chance = f"{percent(pair.chance)} by chance"
        return f"{value} {points(pair.gain)} points ({pair.images} images, {pair.won} won, {pair.lost} lost, {chance})"

    worst = min(slices, key=lambda value: (slices[value].gain, value))
    fallen = sorted(value for value, pair in slices.items() if harmed(pair))
    detail = "fallen: " + "; ".join(map(describe, fallen)) if fallen else f"worst of {len(slices)}: {describe(worst)}"
    counts = f"a fall of more than {100 * margin:.2f} counts when its chance is below"
    level = f"{percent(limits.significance / looked_at)} ({percent(limits.significance)} over {looked_at} slices)"
    return Rule(name, slices[worst].gain, -margin, not fallen, f"{detail}; {counts} {level}")


def _degraded(ours: Report, theirs: Report, margin: float, who: str) -> Rule:
    name = f"degraded accuracy against the {who}"
    mine = {degraded.name: degraded.accuracy for degraded in ours.robustness}
    other = {degraded.name: degraded.accuracy for degraded in theirs.robustness}
    if not other or other.keys() - mine.keys():
        return missing(name, -margin, ", ".join(sorted(other.keys() - mine.keys())) or "degraded images")
    return _no_fall(name, {kind: difference(mine[kind], other[kind]) for kind in other}, margin)


def _kept(share: str, ours: Estimate | None, theirs: Estimate | None, margin: float, who: str) -> Rule:
    name = f"{share} against the {who}"
    if ours is None or theirs is None:
        return missing(name, -margin, share)
    return _no_fall(name, {share: difference(ours, theirs)}, margin)


def _no_fall(name: str, gains: Mapping[str, Estimate], margin: float) -> Rule:
    """Refuse a loss that is larger than the margin and than chance explains.

    The intervals ignore that both detectors saw the same images, so they are wider than necessary.
    """
    worst = min(gains, key=lambda kind: (gains[kind].value, kind))
    fallen = sorted(kind for kind, gain in gains.items() if -gain.value > margin and gain.high < 0)
    told = [f"{k} {points(gains[k].value)} points ({points(gains[k].low)} to {points(gains[k].high)})" for k in fallen]
    detail = "fallen: " + "; ".join(told) if fallen else f"worst: {worst} {points(gains[worst].value)} points"
    return Rule(
        name,
        gains[worst].value,
        -margin,
        not fallen,
        f"{detail}; a proven fall of more than {100 * margin:.2f} counts",
    )


def _grown(what: str, ours: float, champion: float, growth: float, unnoticed: float, unit: str) -> Rule:
    limit = max(growth * champion, unnoticed)
    detail = f"{ours:.1f} {unit}, the champion {champion:.1f}; {growth:g} times as much is allowed, or {unnoticed:g}"
    return Rule(f"{what} against the champion", ours, limit, ours <= limit, detail)
