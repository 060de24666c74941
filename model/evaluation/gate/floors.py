"""The gate's rules for every detector, whatever is in production."""

from collections.abc import Iterator

from model.estimate import Estimate
from model.evaluation.gate.policy import Alone
from model.evaluation.gate.rule import Rule, interval, missing, percent
from model.evaluation.report import Report
from model.metrics import proportion


def judge_alone(report: Report, limits: Alone) -> Iterator[Rule]:
    """Compare a report with the absolute limits; yield one rule for each limit."""
    overall = report.overall
    yield _at_least("accuracy", overall.get("accuracy"), limits.min_accuracy)
    yield _at_least("f1", overall.get("f1"), limits.min_f1)
    yield _at_least("auroc", overall.get("auroc"), limits.min_auroc)
    yield _at_least("recall", overall.get("tpr"), limits.min_recall)
    yield _every_generator_found(report, limits.min_generator_recall)
    yield _few_false_alarms(overall.get("fpr"), limits.max_false_alarms)
    yield _calibrated(report, limits.max_calibration_error)
    yield _band_keeps_promise(report, limits.max_answered_error)
    yield _robust(report, limits.min_degraded_accuracy)
    yield _at_least("stability", report.stable, limits.min_stable)
    yield _within("latency", report.latency.p95_ms, limits.max_p95_ms, "ms for one image (95th percentile)")
    yield _within("size", report.megabytes, limits.max_megabytes, "MB")


def _at_least(name: str, estimate: Estimate | None, limit: float) -> Rule:
    if estimate is None:
        return missing(name, limit, name)
    detail = f"{interval(estimate)}, at least {percent(limit)} is required"
    return Rule(name, estimate.value, limit, estimate.value >= limit, detail)


def _every_generator_found(report: Report, limit: float) -> Rule:
    """Name the generator with the lowest recall; refuse a recall that is proven to be below the limit."""
    name = "recall by generator"
    slices = [each for each in report.slices if each.column == "generator"]
    if not slices:
        return Rule(name, None, limit, passed=True, detail="no image names its generator")
    below = [each for each in slices if each.accuracy.high < limit]
    worst = min(below or slices, key=lambda each: (each.accuracy.value, each.value))
    detail = f"worst of {len(slices)}: {worst.value} ({worst.rows:,} images): {interval(worst.accuracy)}"
    told = f"{detail}, at least {percent(limit)} is required"
    return Rule(name, worst.accuracy.value, limit, not below, told if limit else detail)


def _few_false_alarms(estimate: Estimate | None, limit: float) -> Rule:
    name = "false alarms"
    if estimate is None:
        return missing(name, limit, "false-positive rate")
    detail = f"{interval(estimate)} of the real images are called AI, at most {percent(limit)} is allowed"
    return Rule(name, estimate.value, limit, estimate.value <= limit, detail)


def _calibrated(report: Report, limit: float) -> Rule:
    """Refuse if the lower end of the interval is above the limit, since a few images may miss by chance."""
    name = "calibration error"
    measured = report.overall.get("ece")
    if measured is None:
        return missing(name, limit, name)
    detail = f"{interval(measured)}, at most {percent(limit)} is allowed; the lower end counts"
    return Rule(name, measured.low, limit, measured.low <= limit, detail)


def _band_keeps_promise(report: Report, limit: float) -> Rule:
    """Refuse if more images than the limit are answered wrongly, or more of one class than the card promises.

    The lower end of the interval counts, since a measured share may exceed a promise by chance. A limit of 1 switches
    both off.
    """
    name = "answered error"
    answered, wrong = report.overall.get("answered"), report.overall.get("answered_error")
    if answered is None or (wrong is None and answered.value > 0):
        return missing(name, limit, name)
    share = answered.value * wrong.value if wrong else 0.0
    found = proportion(round(share * report.rows), report.rows)
    detail = f"{interval(found)} of all images are answered wrongly, at most {percent(limit)} is allowed"
    classes = {"real": report.overall.get("answered_fpr"), "AI": report.overall.get("answered_fnr")}
    broken = [
        f"{interval(share)} of the {kind} images, for which the band promises {percent(report.alpha)}"
        for kind, share in classes.items()
        if limit < 1 and share and report.alpha is not None and share.low > report.alpha
    ]
    return Rule(name, found.value, limit, found.low <= limit and not broken, "; ".join([detail, *broken]))


def _robust(report: Report, limit: float) -> Rule:
    name = "degraded accuracy"
    if not report.robustness:
        return missing(name, limit, "degraded images")
    worst = min(report.robustness, key=lambda degraded: degraded.accuracy.value)
    detail = f"worst under {worst.name}: {interval(worst.accuracy)}, at least {percent(limit)} is required"
    return Rule(name, worst.accuracy.value, limit, worst.accuracy.value >= limit, detail)


def _within(name: str, value: float, limit: float, unit: str) -> Rule:
    return Rule(name, value, limit, value <= limit, f"{value:.1f} {unit}, at most {limit:g} is allowed")
