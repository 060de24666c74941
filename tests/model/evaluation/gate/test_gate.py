"""The gate's rules, each at its limit, and properties that hold for all reports."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import TruegrainError
from model.estimate import Estimate
from model.evaluation.gate.champion import judge_falls
from model.evaluation.gate.deciding import choose_deciding
from model.evaluation.gate.decision import Decision, judge
from model.evaluation.gate.policy import Policy, read_policy
from model.evaluation.gate.proof import Trial
from model.evaluation.gate.rule import Rule
from model.evaluation.report import Latency, Predictions, Report, Slice
from model.metrics import proportion
from support.evaluation_reports import exactly, make_report, right_but

POLICY = read_policy()
WIDE = {"margin": 0.2, "widest_margin": 0.2, "false_alarm_margin": 0.4, "recall_margin": 0.4}
"""Margins that a hundred images prove, for the tests of all other rules."""
NEW, NOT_INFERIOR, MCNEMAR = (
    "new, not the champion",
    "accuracy against the champion",
    "McNemar's test against the champion",
)
PROOFS = [f"{name} against the champion" for name in ("accuracy", "false alarms", "recall")]
SLICES = "slices by generator against the champion"


def get_rule(decision: Decision, name: str) -> Rule:
    return next(rule for rule in decision.rules if rule.name == name)


def get_failed(decision: Decision) -> list[str]:
    return [rule.name for rule in decision.rules if not rule.passed]


def champion(rights: Sequence[bool], **about: object) -> Report:
    return make_report(rights, name="champion", **about)  # type: ignore[arg-type]


def with_champion(**changes: object) -> Policy:
    return replace(POLICY, champion=replace(POLICY.champion, **changes))  # type: ignore[arg-type]


LAX = with_champion(**WIDE)


def test_a_good_first_detector_is_promoted_and_told_that_there_was_nothing_to_compare_with() -> None:
    decision = judge(make_report(right_but(5, of=100)), None, POLICY)
    assert decision.promote
    assert get_rule(decision, "against the champion").detail == "there is no champion yet, nothing to compare with"
    assert decision.reason == "all 13 rules passed"
    assert decision.why == ("Promoted: every rule passed.",)


@pytest.mark.parametrize(
    ("name", "key", "at_limit", "beyond"),
    [
        ("accuracy", "accuracy", 0.85, 0.8499),
        ("f1", "f1", 0.80, 0.7999),
        ("auroc", "auroc", 0.90, 0.8999),
        ("recall", "tpr", 0.75, 0.7499),
        ("false alarms", "fpr", 0.10, 0.1001),
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


@pytest.mark.parametrize(("low", "passed"), [(0.0, True), (0.05, True), (0.0501, False)])
def test_a_calibration_error_that_chance_may_explain_refuses_nobody(low: float, passed: bool) -> None:
    report = make_report(right_but(0, of=100), overall={"ece": Estimate(0.09, low, 0.2)})
    rule = get_rule(judge(report, None, POLICY), "calibration error")
    assert rule.passed is passed
    assert "at most 5.00 % is allowed; the lower end counts" in rule.detail


@pytest.mark.parametrize(("rows", "passed"), [(100, True), (20_000, False)])
def test_the_bands_promise_is_broken_when_no_accident_explains_it(rows: int, passed: bool) -> None:
    """8 % of the answered 80 % are wrong: 6.4 % of all, where 5 % are promised."""
    broken = {"answered": exactly(0.8), "answered_error": exactly(0.08)}
    decision = judge(make_report(right_but(0, of=rows), overall=broken), None, POLICY)
    assert get_rule(decision, "answered error").passed is passed
    kept = {"answered": exactly(0.5), "answered_error": exactly(0.08)}
    assert judge(make_report(right_but(0, of=rows), overall=kept), None, POLICY).promote


@pytest.mark.parametrize("kind", ["answered_fpr", "answered_fnr"])
def test_the_band_keeps_the_promise_of_its_card_for_each_class(kind: str) -> None:
    rows = right_but(0, of=1_000)
    for low, alpha, passed in ((0.021, 0.02, False), (0.019, 0.02, True), (0.021, 0.03, True), (0.9, None, True)):
        overall = {"answered_fpr": exactly(0.0), "answered_fnr": exactly(0.0)} | {kind: Estimate(0.03, low, 0.04)}
        rule = get_rule(judge(make_report(rows, overall=overall, alpha=alpha), None, POLICY), "answered error")
        assert rule.passed is passed
        assert ("the band promises" in rule.detail) is not passed


def test_who_answers_nothing_answers_nothing_wrongly() -> None:
    report = make_report(right_but(0, of=100), overall={"answered": exactly(0.0)})
    overall = {name: estimate for name, estimate in report.overall.items() if name != "answered_error"}
    assert judge(replace(report, overall=overall), None, POLICY).promote


@pytest.mark.parametrize(("rows", "unproven"), [(2, PROOFS), (100, PROOFS), (2_000, [])])
def test_the_champion_itself_is_refused_for_that_and_for_want_of_images(rows: int, unproven: list[str]) -> None:
    report = champion([True] * rows)
    assert get_failed(judge(report, report, POLICY)) == [NEW, *unproven]
    assert get_failed(judge(replace(report, onnx_sha256="retrained"), report, POLICY)) == unproven


@pytest.mark.parametrize("too_few", ["wait", "ask"])
def test_too_few_images_promote_nothing_and_a_person_is_asked_only_if_the_policy_says_so(too_few: str) -> None:
    ours, theirs = make_report(right_but(2, of=600)), champion(right_but(2, of=600, first=300))
    decision = judge(ours, theirs, with_champion(too_few=too_few))
    assert (decision.promote, decision.ask) == (False, too_few == "ask")
    assert get_failed(decision) == PROOFS[:1]
    detail = get_rule(decision, NOT_INFERIOR).detail
    assert detail.startswith("+0.00 points on 600 images that decide, at least -1.17 with 99.83 % certainty: too few")
    outcome, odds, settled = decision.why
    assert outcome.endswith("A person decides." if too_few == "ask" else "Production stays as it is.")
    assert odds.startswith(
        "Odds of a loss beyond the margin: accuracy (1 point) 1 in 221, false alarms (2.2 points) less than 1 in 1,000"
    )
    assert settled == "About 830 more test images would settle it."


def test_a_margin_is_widened_openly_and_only_as_far_as_the_policy_says() -> None:
    ours, theirs = make_report(right_but(2, of=600)), champion(right_but(2, of=600, first=300))
    widened = judge(ours, theirs, with_champion(too_few="widen", widest_margin=0.012))
    assert widened.promote
    assert "too few images to prove that it loses at most 1.00; proven" in get_rule(widened, NOT_INFERIOR).detail
    assert "and the policy accepts up to 1.20 as long as images are few" in get_rule(widened, NOT_INFERIOR).detail
    assert get_failed(judge(ours, theirs, with_champion(too_few="widen", widest_margin=0.011))) == PROOFS[:1]


def test_nobody_is_asked_about_a_detector_that_also_fails_another_rule_or_is_rather_worse_than_not() -> None:
    theirs = champion(right_but(2, of=600, first=300))
    slow = judge(make_report(right_but(2, of=600), latency=Latency(10.0, 251.0)), theirs, POLICY)
    assert (slow.ask, get_failed(slow)) == (False, ["latency", *PROOFS[:1]])
    assert slow.why[-1] == "More test images alone would not change that."
    behind = judge(make_report(right_but(11, of=600)), theirs, POLICY)
    assert (behind.promote, behind.ask) == (False, False)
    assert "it loses more than 1.00 with odds of " in get_rule(behind, NOT_INFERIOR).detail


def test_each_decision_against_the_same_champion_needs_more_certainty() -> None:
    ours, theirs = make_report(right_but(6, of=2_000)), champion(right_but(6, of=2_000, first=300))
    rules = [get_rule(judge(ours, theirs, POLICY, number=number), NOT_INFERIOR) for number in (1, 2, 20)]
    assert rules[0].passed
    limits = [rule.value or 0.0 for rule in rules]
    assert limits == sorted(limits, reverse=True)
    tried = judge(make_report(right_but(2, of=100)), champion(right_but(2, of=100, first=50)), POLICY, number=4)
    assert "This is try 4 against the same detector: the best of several looks better than it is." in tried.why[1]


@pytest.mark.parametrize(("lost", "verdict"), [(500, "better"), (560, "equal"), (640, "equal"), (680, "worse")])
def test_on_many_images_a_loss_that_is_no_accident_is_refused_although_it_is_within_the_margin(
    lost: int, verdict: str
) -> None:
    decision = judge(make_report(right_but(lost, of=20_000)), champion(right_but(600, of=20_000, first=9_000)), POLICY)
    assert get_rule(decision, NOT_INFERIOR).passed
    rule = get_rule(decision, MCNEMAR)
    assert rule.detail.startswith(f"{verdict}: of 20,000 images 600 were won and {lost} lost")
    assert decision.promote is rule.passed is (verdict != "worse")


def test_a_large_loss_on_few_images_fails_both_comparisons() -> None:
    decision = judge(make_report(right_but(14, of=100)), champion(right_but(0, of=100)), POLICY)
    assert get_failed(decision)[:4] == [*PROOFS, MCNEMAR]
    assert "it loses more than 1.00 with odds of more than 99 in 100" in get_rule(decision, NOT_INFERIOR).detail


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


def test_a_report_without_groups_cannot_be_compared_slice_by_slice() -> None:
    decision = judge(make_report([True] * 100, groups={}), champion([True] * 100), LAX)
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
    decision = judge(ours, champion([True] * 1_000, overall={"answered": before}, stable=before), LAX)
    fallen = ["answered and right against the champion", "stability against the champion"]
    assert get_failed(decision) == fallen * failed


def test_a_champion_that_answers_what_it_should_doubt_refuses_no_honest_detector() -> None:
    """The champion answers nearly all images and a tenth of them wrongly; the challenger doubts, and is right."""
    theirs = champion([True] * 2_000, overall={"answered": exactly(0.998), "answered_error": exactly(0.109)})
    honest = make_report([True] * 2_000, overall={"answered": exactly(0.905), "answered_error": exactly(0.021)})
    name = "answered and right against the champion"
    rule = get_rule(judge(honest, theirs, POLICY), name)
    assert rule.passed
    assert rule.value == pytest.approx(0.905 * 0.979 - 0.998 * 0.891, abs=0.001)
    assert rule.detail.startswith("the champion breaks its own promise: it answers 10.90 % of all images wrongly")
    silent = make_report([True] * 2_000, overall={"answered": exactly(0.7), "answered_error": exactly(0.0)})
    assert get_rule(judge(silent, theirs, POLICY), name).passed
    kept = champion([True] * 2_000, overall={"answered": exactly(0.95), "answered_error": exactly(0.02)})
    assert not get_rule(judge(silent, kept, POLICY), name).passed


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
    decision = judge(make_report([True] * 100, latency=ours), champion([True] * 100, latency=theirs), LAX)
    assert get_failed(decision) == failed


@pytest.mark.parametrize(
    ("ours", "theirs", "passed"), [(50, 1, True), (51, 1, False), (200, 100, True), (201, 100, False)]
)
def test_a_challenger_may_be_twice_as_large_as_the_champion_or_small(ours: int, theirs: int, passed: bool) -> None:
    report = make_report([True] * 100, size_bytes=ours * 1_000_000)
    decision = judge(report, champion([True] * 100, size_bytes=theirs * 1_000_000), POLICY)
    assert get_rule(decision, "size against the champion").passed is passed


def test_a_smaller_variant_must_be_faster_than_its_original_and_not_worse() -> None:
    original = make_report(right_but(2, of=1_000), name="original")
    fast, hardly = Latency(10 / 1.1, 12.0), Latency(9.2, 12.0)
    variant = make_report(right_but(2, of=1_000), latency=fast)
    assert judge(variant, None, POLICY, original=original).promote
    slow = judge(replace(variant, latency=hardly), None, POLICY, original=original)
    assert get_failed(slow) == ["faster than the original"]
    worse = judge(make_report(right_but(12, of=1_000), latency=fast), None, POLICY, original=original)
    assert "McNemar's test against the original" in get_failed(worse)


def test_a_decision_reads_as_one_line_a_rule_and_survives_being_written_down() -> None:
    decision = judge(make_report(right_but(16, of=100)), None, POLICY)
    lines = str(decision).splitlines()
    assert lines[:3] == [
        "do not promote",
        "Not promoted. It failed: accuracy.",
        "FAILED  accuracy: 84.00 % (95 % interval 75.58 to 89.90), at least 85.00 % is required",
    ]
    assert len(lines) == 2 + len(decision.rules)
    assert decision.reason == f"failed: {lines[2].removeprefix('FAILED  ').replace(': ', ' (', 1)})"
    assert Decision.from_json(decision.to_json()) == decision
    assert Decision.from_json('{"promote": true, "rules": []}') == Decision(promote=True, rules=())
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


def test_a_decision_rests_on_the_deciding_images_and_shows_those_that_chose_the_champion_beside_them() -> None:
    """The champion had luck on the images that chose it: there, the challenger loses 3 points; elsewhere none."""
    theirs = champion(right_but(0, of=3_000))
    ours = make_report(right_but(30, of=3_000))
    chose = {f"image{number}" for number in range(1_000)}
    deciding = choose_deciding(ours.predictions, chose=chose, share=1.0)
    rule = get_rule(judge(ours, theirs, POLICY, deciding=deciding), NOT_INFERIOR)
    assert rule.passed
    assert rule.detail.startswith("+0.00 points on 2,000 images that decide")
    assert rule.detail.endswith("; on the 1,000 that chose the champion: -3.00")
    assert not get_rule(judge(ours, theirs, POLICY), NOT_INFERIOR).passed


def test_near_duplicates_are_no_independent_evidence() -> None:
    rows, size = 2_000, 10

    def report(name: str, wrong: list[bool], cluster: list[int]) -> Report:
        made = make_report([not each for each in wrong], name=name)
        return replace(made, predictions=replace(made.predictions, cluster=tuple(cluster)))

    lost = [number < 2 * size for number in range(rows)]
    won = [rows - 2 * size <= number for number in range(rows)]
    alone, grouped = list(range(rows)), [number // size for number in range(rows)]
    low = [
        get_rule(judge(report("a", lost, cluster), report("b", won, cluster), POLICY), NOT_INFERIOR).value or 0.0
        for cluster in (alone, grouped)
    ]
    assert low[1] < 2 * low[0] < 0
    one = [0] * rows
    deciding = choose_deciding(report("a", lost, one).predictions, chose=(), share=2 / 3)
    decision = judge(report("a", lost, one), report("b", won, one), POLICY, deciding=deciding)
    assert (decision.promote, decision.ask) == (False, False)
    assert "all 2,000 test images are near-duplicates of each other, so they prove nothing" in decision.reason


def test_a_class_without_images_and_a_split_that_chose_the_champion_fail_with_a_sentence() -> None:
    only_ai = replace(make_report([True] * 100).predictions, label=(1,) * 100)
    ours, theirs = (replace(make_report([True] * 100, name=name), predictions=only_ai) for name in "ab")
    rule = get_rule(judge(ours, theirs, LAX), "false alarms against the champion")
    assert (rule.passed, rule.value) == (False, None)
    assert rule.detail.startswith("there are no real images among 100 test images: ingest new images")
    used = choose_deciding(ours.predictions, chose=ours.predictions.sha256, share=1.0)
    decision = judge(ours, theirs, LAX, deciding=used)
    assert decision.ask is False
    assert "all of the 100 test images chose the champion" in get_rule(decision, NOT_INFERIOR).detail


@pytest.mark.parametrize(("more", "passed"), [(4, True), (24, False)])
def test_more_false_alarms_are_refused_although_recall_makes_up_for_them(more: int, passed: bool) -> None:
    """16 of 1,000 real images were called AI; as many AI images are won as real images are lost."""
    missed = [number % 2 == 1 and number < 100 for number in range(2_000)]
    false = [number % 2 == 0 and number < 2 * 16 for number in range(2_000)]
    theirs = champion([not (a or b) for a, b in zip(missed, false, strict=True)])
    called = [number % 2 == 0 and number < 2 * (16 + more) for number in range(2_000)]
    decision = judge(make_report([not each for each in called]), theirs, POLICY)
    assert get_rule(decision, NOT_INFERIOR).passed
    assert get_rule(decision, "false alarms against the champion").passed is passed


def test_a_real_image_that_is_unsure_is_no_false_alarm() -> None:
    called = [number % 2 == 0 and number < 2 * 40 for number in range(2_000)]
    ours, theirs = make_report([not each for each in called]), champion(right_but(0, of=2_000, first=1))
    doubting = replace(ours, predictions=replace(ours.predictions, answered=tuple(not each for each in called)))
    passed = [get_rule(judge(report, theirs, POLICY), PROOFS[1]).passed for report in (ours, doubting)]
    assert passed == [False, True]


def test_the_worst_generator_is_named_and_refused_only_below_a_floor() -> None:
    found = [Slice("generator", "glow", 500, proportion(490, 500)), Slice("generator", "new", 60, proportion(0, 60))]
    report = make_report(right_but(0, of=100), slices=tuple(found))
    rule = get_rule(judge(report, None, POLICY), "recall by generator")
    assert rule.passed
    assert rule.detail.startswith("worst of 2: new (60 images): 0.00 %")
    floored = replace(POLICY, alone=replace(POLICY.alone, min_generator_recall=0.2))
    assert get_failed(judge(report, None, floored)) == ["recall by generator"]


def test_slices_of_the_same_images_count_once() -> None:
    """A fall in one of four slices counts as before if other columns show the same slices, or one of all images."""
    names = split_evenly(2_000, 4)
    groups = {"generator": names, "source": names, "format": ("JPEG",) * 2_000}
    details = [
        get_rule(judge(make_report(right_but(21, of=2_000), groups=shown), champion([True] * 2_000), POLICY), SLICES)
        for shown in ({"generator": names, "format": ("JPEG",) * 2_000}, groups)
    ]
    assert details[0] == details[1]


def test_thirteen_degradations_refuse_no_more_equals_than_one() -> None:
    """Equal detectors that do not agree on degraded images: 400 of them, right or wrong as a coin falls."""
    random, refused = np.random.default_rng(5), 0
    for _ in range(60):
        accuracies = [{f"kind {kind}": random.binomial(400, 0.8) / 400 for kind in range(13)} for _ in range(2)]
        ours, theirs = (make_report([True] * 400, name=str(n), degraded=each) for n, each in enumerate(accuracies))
        rules = judge_falls(ours, theirs, POLICY, Trial.against_original(ours, POLICY.champion))
        refused += not next(rule for rule in rules if rule.name.startswith("degraded")).passed
    assert refused <= 6  # 3 are allowed; without the correction 12
