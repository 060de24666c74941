"""The gate's rules, each at its limit, and properties that hold for all reports."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import TruegrainError
from model.estimate import Estimate
from model.evaluation.gate.decision import Decision, judge
from model.evaluation.gate.policy import Policy, read_policy
from model.evaluation.gate.rule import Rule
from model.evaluation.report import Latency, Predictions, Report
from model.sources.reports import SOURCE as REPORTS
from support.evaluation_reports import exactly, make_report, right_but

POLICY = read_policy()
NEW, NOT_INFERIOR, MCNEMAR = (
    "new, not the champion",
    "accuracy against the champion",
    "McNemar's test against the champion",
)
CANARY = "canary against the champion"
SLICES = "slices by generator against the champion"


def get_rule(decision: Decision, name: str) -> Rule:
    return next(rule for rule in decision.rules if rule.name == name)


def get_failed(decision: Decision) -> list[str]:
    return [rule.name for rule in decision.rules if not rule.passed]


def champion(rights: Sequence[bool], **about: object) -> Report:
    return make_report(rights, name="champion", **about)  # type: ignore[arg-type]


def with_champion(**changes: object) -> Policy:
    return replace(POLICY, champion=replace(POLICY.champion, **changes))  # type: ignore[arg-type]


def test_a_good_first_detector_is_promoted_and_told_that_there_was_nothing_to_compare_with() -> None:
    decision = judge(make_report(right_but(5, of=100)), None, POLICY)
    assert decision.promote
    assert get_rule(decision, "against the champion").detail == "there is no champion yet, nothing to compare with"
    assert decision.reason == "all 12 rules passed"


@pytest.mark.parametrize(
    ("name", "key", "at_limit", "beyond"),
    [
        ("accuracy", "accuracy", 0.85, 0.8499),
        ("f1", "f1", 0.80, 0.7999),
        ("auroc", "auroc", 0.90, 0.8999),
        ("recall", "tpr", 0.70, 0.6999),
        ("false alarms", "fpr", 0.30, 0.3001),
    ],
)
def test_a_measured_value_must_reach_its_limit_whatever_its_interval(
    name: str, key: str, at_limit: float, beyond: float
) -> None:
    def failed_at(value: float) -> list[str]:
        report = make_report(right_but(0, of=100), overall={key: Estimate(value, value - 0.2, value + 0.2)})
        return get_failed(judge(report, None, POLICY))

    assert failed_at(at_limit) == []
    assert failed_at(beyond) == [name]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"latency": Latency(10.0, 250.1)}, "latency"),
        ({"size_bytes": 250_000_001}, "size"),
        ({"stable": exactly(0.199)}, "stability"),
        ({"stable": None}, "stability"),
        ({"robustness": ()}, "degraded accuracy"),
    ],
)
def test_budgets_stability_and_robustness_have_their_limits_and_must_have_been_measured(
    changes: dict[str, object], name: str
) -> None:
    within = {"latency": Latency(10.0, 250.0), "size_bytes": 250_000_000, "stable": exactly(0.20)}
    assert get_failed(judge(make_report(right_but(0, of=100), **within), None, POLICY)) == []  # type: ignore[arg-type]
    assert get_failed(judge(make_report(right_but(0, of=100), **changes), None, POLICY)) == [name]  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["accuracy", "f1", "auroc", "tpr", "fpr", "ece", "answered", "answered_error"])
def test_what_was_not_measured_fails_its_rule_and_no_other(key: str) -> None:
    report = make_report(right_but(0, of=100))
    overall = {name: estimate for name, estimate in report.overall.items() if name != key}
    decision = judge(replace(report, overall=overall), None, POLICY)
    (failed,) = (rule for rule in decision.rules if not rule.passed)
    assert failed.value is None
    assert failed.detail.startswith("the report holds no ")


def test_the_worst_degradation_counts() -> None:
    report = make_report(right_but(0, of=100), degraded={"jpeg-50": 0.9, "blur": 0.29, "noise": 0.7})
    rule = get_rule(judge(report, None, POLICY), "degraded accuracy")
    assert not rule.passed
    assert "worst under blur: 29.00 %" in rule.detail


@pytest.mark.parametrize(("rows", "passed"), [(100, True), (20_000, False)])
def test_a_calibration_error_that_chance_explains_on_few_images_is_none_on_many(rows: int, passed: bool) -> None:
    report = make_report(right_but(0, of=rows), overall={"ece": exactly(0.09)})
    unsure = tuple(0.2 + 0.6 * number / rows for number in range(rows))
    report = replace(report, predictions=replace(report.predictions, probability=unsure))
    rule = get_rule(judge(report, None, POLICY), "calibration error")
    assert rule.passed is passed
    assert f"chance adds on {rows} images" in rule.detail


@pytest.mark.parametrize(("rows", "passed"), [(100, True), (20_000, False)])
def test_the_bands_promise_is_broken_when_no_accident_explains_it(rows: int, passed: bool) -> None:
    """8 % of the answered 80 % are wrong: 6.4 % of all, where 5 % are promised."""
    broken = {"answered": exactly(0.8), "answered_error": exactly(0.08)}
    decision = judge(make_report(right_but(0, of=rows), overall=broken), None, POLICY)
    assert get_rule(decision, "answered error").passed is passed
    kept = {"answered": exactly(0.5), "answered_error": exactly(0.08)}
    assert judge(make_report(right_but(0, of=rows), overall=kept), None, POLICY).promote


def test_who_answers_nothing_answers_nothing_wrongly() -> None:
    report = make_report(right_but(0, of=100), overall={"answered": exactly(0.0)})
    overall = {name: estimate for name, estimate in report.overall.items() if name != "answered_error"}
    assert judge(replace(report, overall=overall), None, POLICY).promote


@pytest.mark.parametrize("rows", [1, 60, 100, 20_000])
def test_the_champion_itself_is_refused_for_that_and_nothing_else(rows: int) -> None:
    report = champion([True] * rows)
    assert get_failed(judge(report, report, POLICY)) == [NEW]
    assert get_failed(judge(replace(report, onnx_sha256="retrained"), report, POLICY)) == []


@pytest.mark.parametrize(("lost", "passed"), [(0, True), (1, False)])
def test_on_few_images_a_challenger_must_not_be_behind(lost: int, passed: bool) -> None:
    decision = judge(make_report(right_but(2 + lost, of=100)), champion(right_but(2, of=100, first=50)), POLICY)
    rule = get_rule(decision, NOT_INFERIOR)
    assert rule.passed is passed is decision.promote
    assert "100 images cannot prove that it loses at most 1.00, so it must not be behind" in rule.detail


def test_an_operator_may_ask_for_proof_even_on_few_images() -> None:
    ours, theirs = make_report(right_but(2, of=100)), champion(right_but(2, of=100, first=50))
    rule = get_rule(judge(ours, theirs, with_champion(require_proof=True)), NOT_INFERIOR)
    assert not rule.passed
    assert rule.detail.endswith("and proof is required")


@pytest.mark.parametrize(("lost", "verdict"), [(500, "better"), (560, "equal"), (640, "equal"), (680, "worse")])
def test_on_many_images_a_loss_that_is_no_accident_is_refused_although_it_is_within_the_margin(
    lost: int, verdict: str
) -> None:
    decision = judge(make_report(right_but(lost, of=20_000)), champion(right_but(600, of=20_000, first=9_000)), POLICY)
    assert get_rule(decision, NOT_INFERIOR).passed
    rule = get_rule(decision, MCNEMAR)
    assert rule.detail.startswith(f"{verdict}: of 20000 images 600 were won and {lost} lost")
    assert decision.promote is rule.passed is (verdict != "worse")


def test_a_large_loss_on_few_images_fails_both_comparisons() -> None:
    decision = judge(make_report(right_but(14, of=100)), champion(right_but(0, of=100)), POLICY)
    assert get_failed(decision)[:2] == [NOT_INFERIOR, MCNEMAR]
    assert "proven to lose more than 1.00" in get_rule(decision, NOT_INFERIOR).detail


def test_reports_on_different_images_promote_nothing() -> None:
    decision = judge(make_report(right_but(0, of=100)), champion(right_but(0, of=90)), POLICY)
    assert get_failed(decision) == ["same images as the champion"]
    assert "100 images here, 90 for the champion, 90 shared" in get_rule(decision, "same images as the champion").detail


def split_evenly(rows: int, into: int) -> tuple[str, ...]:
    return tuple(f"generator {number * into // rows}" for number in range(rows))


@pytest.mark.parametrize(("lost", "passed"), [(19, True), (21, False)])
def test_a_slice_vetoes_when_its_fall_is_beyond_the_margin_and_no_accident(lost: int, passed: bool) -> None:
    """4 slices of 500: a fall of 3.8 points is large and significant; 20 images won elsewhere hide it in accuracy."""
    policy = with_champion(slice_margin=0.04)
    groups = {"generator": split_evenly(2_000, 4)}
    ours = make_report(right_but(lost, of=2_000), groups=groups)
    theirs = champion(right_but(20, of=2_000, first=700))
    decision = judge(ours, theirs, policy)
    assert get_failed(decision) == ([] if passed else [SLICES])
    assert ("worst of 4: generator 0" if passed else "fallen: generator 0") in get_rule(decision, SLICES).detail


@pytest.mark.parametrize(("slices", "passed"), [(1, False), (30, True)])
def test_the_more_slices_are_looked_at_the_less_an_accident_in_one_counts(slices: int, passed: bool) -> None:
    """9 of 300 images lost and none won has a p-value of 0.4 %: rare for one slice, expected among thirty slices."""
    rows = 300 * slices
    groups = {"generator": split_evenly(rows, slices)}
    ours = make_report(right_but(9, of=rows), groups=groups)
    decision = judge(ours, champion([True] * rows), with_champion(slice_margin=0.02))
    assert get_rule(decision, SLICES).passed is passed


@pytest.mark.parametrize(("lost", "passed"), [(6, True), (12, False)])
def test_six_images_cannot_veto_but_a_collapse_of_twelve_does(lost: int, passed: bool) -> None:
    groups = {"generator": ("rare",) * lost + split_evenly(3_000 - lost, 9)}
    ours = make_report(right_but(lost, of=3_000), groups=groups)
    decision = judge(ours, champion(right_but(lost, of=3_000, first=2_000)), POLICY)
    rule = get_rule(decision, SLICES)
    assert rule.passed is passed
    assert f"rare -100.00 points ({lost} images, 0 won, {lost} lost" in rule.detail


def test_slices_of_one_image_hide_no_fall_of_another(many: int = 20_000) -> None:
    groups = {"generator": ("common",) * 600 + tuple(f"made up {number}" for number in range(many))}
    ours = make_report(right_but(30, of=600 + many), groups=groups)
    decision = judge(ours, champion(right_but(5, of=600 + many, first=100)), POLICY)
    assert get_rule(decision, SLICES).detail.startswith("fallen: common -4.17 points (600 images")


def test_a_fall_in_many_slices_too_small_to_tell_shows_where_they_are_judged_together() -> None:
    names = [f"rare {number % 20}" for number in range(400)] + ["common"] * 4_000
    lost = [number % 20 * 20 < 400 and number < 60 for number in range(4_400)]  # three of each of the twenty
    ours = make_report([not each for each in lost], groups={"generator": names})
    decision = judge(ours, champion(right_but(60, of=4_400, first=1_000)), POLICY)
    assert get_failed(decision) == [SLICES]
    assert get_rule(decision, SLICES).detail.startswith("fallen: the small slices together -15.00 points (400 images")


def test_images_outside_every_group_of_a_column_and_columns_without_any_are_left_out() -> None:
    groups = {"generator": [None] * 50 + ["glow"] * 50, "camera": [None] * 100}
    decision = judge(make_report(right_but(0, of=100), groups=groups), champion([True] * 100), POLICY)
    assert "(50 images, 0 won, 0 lost" in get_rule(decision, SLICES).detail
    assert [rule.name for rule in decision.rules if rule.name.startswith("slices")] == [SLICES]


def test_what_users_reported_cannot_make_up_for_a_loss_on_the_canary() -> None:
    """A hundred images reported by users are gained, ten images from elsewhere are lost."""
    sources = {"source": ("shop",) * 100 + (REPORTS,) * 100}
    ours = make_report(right_but(10, of=200), groups=sources)
    rule = get_rule(judge(ours, champion(right_but(100, of=200, first=100), groups=sources), POLICY), CANARY)
    assert not rule.passed
    assert rule.detail.startswith("on the 100 of 200 images that no report brought: -10.00 points")
    assert "worse: of 100 images 0 were won and 10 lost" in rule.detail


def test_the_canary_is_the_whole_test_split_as_long_as_no_report_is_in_it() -> None:
    sources = {"source": ("shop",) * 100}
    rule = get_rule(judge(make_report([True] * 100, groups=sources), champion([True] * 100), POLICY), CANARY)
    assert rule.passed
    assert rule.detail.startswith("on the 100 of 100 images")


def test_without_a_canary_nothing_is_promoted() -> None:
    reports = {"source": (REPORTS,) * 100}
    decision = judge(make_report([True] * 100, groups=reports), champion([True] * 100), POLICY)
    assert get_failed(decision) == [CANARY]


def test_a_report_without_groups_cannot_be_compared_slice_by_slice() -> None:
    decision = judge(make_report([True] * 100, groups={}), champion([True] * 100), POLICY)
    assert get_failed(decision) == ["slices against the champion"]


@pytest.mark.parametrize(
    ("rows", "ours", "passed"), [(100, 0.84, True), (20_000, 0.86, True), (20_000, 0.84, False), (100, 0.70, False)]
)
def test_a_fall_under_one_degradation_counts_when_it_is_beyond_the_margin_and_no_accident(
    rows: int, ours: float, passed: bool
) -> None:
    report = make_report([True] * rows, degraded={"blur": ours, "noise": 0.9})
    decision = judge(report, champion([True] * rows, degraded={"blur": 0.9, "noise": 0.9}), POLICY)
    rule = get_rule(decision, "degraded accuracy against the champion")
    assert rule.passed is passed
    assert ("worst: blur" if passed else "fallen: blur") in rule.detail


def test_a_degradation_that_only_the_champion_underwent_fails_the_rule() -> None:
    theirs = champion([True] * 100, degraded={"jpeg-50": 0.9, "blur": 0.9})
    rule = get_rule(judge(make_report([True] * 100), theirs, POLICY), "degraded accuracy against the champion")
    assert (rule.passed, rule.value) == (False, None)
    assert "holds no blur" in rule.detail


@pytest.mark.parametrize(("found", "failed"), [(0.92, False), (0.70, True)])
def test_a_challenger_must_not_buy_its_accuracy_with_silence_or_verdicts_that_do_not_last(
    found: float, failed: bool
) -> None:
    share, before = Estimate(found, found - 0.03, found + 0.03), Estimate(0.95, 0.93, 0.96)
    ours = make_report([True] * 1_000, overall={"answered": share}, stable=share)
    decision = judge(ours, champion([True] * 1_000, overall={"answered": before}, stable=before), POLICY)
    assert get_failed(decision) == (["answered against the champion", "stability against the champion"] * failed)


@pytest.mark.parametrize(
    ("ours", "theirs", "failed"),
    [
        (Latency(25.0, 30.0), Latency(1.0, 2.0), []),
        (Latency(25.1, 30.0), Latency(1.0, 2.0), ["latency against the champion"]),
        (Latency(60.0, 70.0), Latency(30.0, 40.0), []),
        (Latency(60.1, 70.0), Latency(30.0, 40.0), ["latency against the champion"]),
    ],
)
def test_a_challenger_may_be_twice_as_slow_as_the_champion_or_fast_enough_for_nobody_to_notice(
    ours: Latency, theirs: Latency, failed: list[str]
) -> None:
    decision = judge(make_report([True] * 100, latency=ours), champion([True] * 100, latency=theirs), POLICY)
    assert get_failed(decision) == failed


@pytest.mark.parametrize(
    ("ours", "theirs", "passed"), [(50, 1, True), (51, 1, False), (200, 100, True), (201, 100, False)]
)
def test_a_challenger_may_be_twice_as_large_as_the_champion_or_small(ours: int, theirs: int, passed: bool) -> None:
    report = make_report([True] * 100, size_bytes=ours * 1_000_000)
    decision = judge(report, champion([True] * 100, size_bytes=theirs * 1_000_000), POLICY)
    assert get_rule(decision, "size against the champion").passed is passed


def test_a_smaller_variant_must_be_faster_than_its_original_and_not_worse() -> None:
    original = make_report(right_but(2, of=100), name="original")
    fast, hardly = Latency(10 / 1.1, 12.0), Latency(9.2, 12.0)
    variant = make_report(right_but(2, of=100), latency=fast)
    assert judge(variant, None, POLICY, original=original).promote
    slow = judge(replace(variant, latency=hardly), None, POLICY, original=original)
    assert get_failed(slow) == ["faster than the original"]
    worse = judge(make_report(right_but(12, of=100), latency=fast), None, POLICY, original=original)
    assert "McNemar's test against the original" in get_failed(worse)


def test_a_decision_reads_as_one_line_a_rule_and_survives_being_written_down() -> None:
    decision = judge(make_report(right_but(16, of=100)), None, POLICY)
    lines = str(decision).splitlines()
    assert lines[:2] == [
        "do not promote",
        "FAILED  accuracy: 84.00 % (95 % interval 75.58 to 89.90), at least 85.00 % is required",
    ]
    assert len(lines) == 1 + len(decision.rules)
    assert decision.reason == f"failed: {lines[1].removeprefix('FAILED  ').replace(': ', ' (', 1)})"
    assert Decision.from_json(decision.to_json()) == decision
    with pytest.raises(TruegrainError, match="no decision of the gate"):
        Decision.from_json("{}")


Rights = list[tuple[bool, bool]]
rights = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=120)
few_slices = st.integers(1, 5)


def judge_both(both: Rights, slices: int, policy: Policy = POLICY) -> tuple[Report, Report, Decision]:
    groups = {"generator": [f"generator {number % slices}" for number in range(len(both))]}
    ours = make_report([mine for mine, _ in both], groups=groups)
    theirs = champion([other for _, other in both], groups=groups)
    return ours, theirs, judge(ours, theirs, policy)


@settings(max_examples=40, deadline=None)
@given(rights, few_slices, st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(both: Rights, slices: int, random: object) -> None:
    def shuffle(report: Report) -> Report:
        order = list(range(report.rows))
        random.shuffle(order)  # type: ignore[attr-defined]
        old = report.predictions
        columns = [tuple(column[i] for i in order) for column in (old.sha256, old.label, old.probability)]
        groups = {name: tuple(column[i] for i in order) for name, column in old.groups.items()}
        return replace(report, predictions=Predictions(*columns, groups=groups))  # type: ignore[arg-type]

    ours, theirs, decision = judge_both(both, slices)
    assert judge(shuffle(ours), shuffle(theirs), POLICY) == decision


@settings(max_examples=40, deadline=None)
@given(rights, few_slices, st.data())
def test_right_answers_never_turn_pass_into_fail(both: Rights, slices: int, data: st.DataObject) -> None:
    mended = data.draw(st.sets(st.integers(0, len(both) - 1)))
    more = [(mine or number in mended, other) for number, (mine, other) in enumerate(both)]
    before, after = judge_both(both, slices)[2], judge_both(more, slices)[2]
    passed = {rule.name for rule in before.rules if rule.passed}
    assert passed <= {rule.name for rule in after.rules if rule.passed}


@settings(max_examples=40, deadline=None)
@given(rights, few_slices)
def test_two_detectors_are_never_both_worse_than_the_other(both: Rights, slices: int) -> None:
    swapped = [(other, mine) for mine, other in both]
    verdicts = [get_rule(judge_both(each, slices)[2], MCNEMAR).detail.partition(":")[0] for each in (both, swapped)]
    assert sorted(verdicts) in (["better", "worse"], ["equal", "equal"])
