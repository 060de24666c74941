"""Decisions of the gate in full, as people read them, with the value and the limit of each rule.

The texts are in the files beside this one. `REWRITE=1 pytest <this file>` writes them anew; read the difference.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.estimate import Estimate
from model.evaluation.gate.deciding import Deciding, choose_deciding
from model.evaluation.gate.decision import Decision, judge
from model.evaluation.gate.paired import Paired
from model.evaluation.gate.policy import read_policy
from model.evaluation.gate.proof import Trial, describe, judge_proofs, tell_more
from model.evaluation.gate.rule import Rule
from model.evaluation.gate.spending import count_needed, level_of
from model.evaluation.report import Latency, Predictions, Report, Slice
from model.metrics import proportion
from support.evaluation_reports import exactly, make_report, right_but

POLICY = read_policy()
ROWS = 2_000
GROUPS = {
    "generator": ["glow"] * 1_000 + ["glare"] * 950 + ["rare"] * 30 + ["new"] * 20,
    "source": ["shop"] * 1_200 + [None] * 800,
    "label": ["real", "ai"] * 1_000,
}
CHAMPION = make_report(
    right_but(50, of=ROWS, first=300),
    name="champion",
    groups=GROUPS,
    degraded={"blur": 0.8, "noise": 0.9},
    overall={"answered": exactly(0.95), "answered_error": exactly(0.02)},
    latency=Latency(12.0, 15.0),
    size_bytes=8_000_000,
)
CLOSE = make_report(
    right_but(52, of=ROWS, first=600),
    groups=GROUPS,
    degraded={"blur": 0.79, "noise": 0.91},
    overall={"answered": exactly(0.94), "answered_error": exactly(0.02)},
    latency=Latency(11.0, 15.0),
    size_bytes=9_000_000,
    stable=exactly(0.94),
)
WORSE = make_report(
    right_but(130, of=ROWS, first=930),
    groups=GROUPS,
    degraded={"blur": 0.7, "noise": 0.91},
    overall={
        "answered": exactly(0.85),
        "answered_error": exactly(0.08),
        "answered_fpr": Estimate(0.05, 0.04, 0.06),
        "answered_fnr": Estimate(0.03, 0.01, 0.04),
        "f1": exactly(0.79),
        "ece": exactly(0.2),
        "fpr": exactly(0.11),
    },
    alpha=0.02,
    latency=Latency(40.0, 260.0),
    size_bytes=251_000_000,
    stable=exactly(0.15),
    slices=(
        Slice("generator", "glow", 1_500, proportion(1_490, 1_500)),
        Slice("generator", "glare", 60, proportion(30, 60)),
        Slice("source", "shop", 60, proportion(0, 60)),
    ),
)


def tell(decision: Decision) -> str:
    def write(number: float | None) -> str:
        return "none" if number is None else f"{number:.6g}"

    numbers = [f"{rule.name}: value {write(rule.value)}, limit {write(rule.limit)}" for rule in decision.rules]
    return "\n".join([str(decision), "", *numbers, ""])


def assert_told(decision: Decision, name: str) -> None:
    file, told = Path(__file__).with_name(name), tell(decision)
    if "REWRITE" in os.environ:
        file.write_text(told)
    assert told == file.read_text()


def test_a_refusal_names_each_reason_with_its_numbers() -> None:
    limits = replace(POLICY, alone=replace(POLICY.alone, min_generator_recall=0.6))
    deciding = choose_deciding(WORSE.predictions, chose={f"image{number}" for number in range(200)}, share=2 / 3)
    assert_told(judge(WORSE, CHAMPION, limits, deciding=deciding, number=3), "refused.txt")


def test_a_question_tells_a_person_the_odds_and_the_images_that_are_missing() -> None:
    deciding = choose_deciding(CLOSE.predictions, chose=(), share=2 / 3)
    assert_told(judge(CLOSE, CHAMPION, POLICY, deciding=deciding), "asked.txt")


def test_a_variant_is_compared_with_its_original_on_all_images() -> None:
    variant = replace(CLOSE, latency=Latency(9.0, 11.0))
    decision = judge(variant, None, POLICY, original=CHAMPION)
    assert_told(decision, "variant.txt")


def test_without_a_clear_winner_the_worst_is_the_first_by_name() -> None:
    names = ["b", "a"] * 1_000
    tied = make_report([True] * ROWS, groups={"generator": names}, degraded={"noise": 0.9, "blur": 0.9})
    decision = judge(tied, replace(tied, onnx_sha256="champion"), POLICY)
    told = {rule.name: rule.detail for rule in decision.rules}
    assert told["slices by generator against the champion"].startswith("worst of 2: a +0.00")
    assert told["degraded accuracy against the champion"].startswith("worst: blur +0.00")


def test_a_comparison_is_the_first_try_only_once() -> None:
    limits = POLICY.champion
    trial = Trial.against_champion(Deciding.all_of(CLOSE.predictions), 3, limits)
    levels = [
        level_of(number, significance=limits.significance, expected_tries=limits.expected_tries) for number in (3, 4)
    ]
    assert (trial.number, trial.level, trial.next_level, trial.who) == (3, *levels, "champion")
    original = Trial.against_original(CLOSE, limits)
    assert (original.number, original.level, original.next_level) == (1, limits.significance, limits.significance)


def test_a_proof_needs_the_certainty_of_its_own_decision_and_counts_images_for_the_next() -> None:
    rows = 20_000
    ours, theirs = make_report(right_but(300, of=rows)), make_report(right_but(300, of=rows, first=5_000), name="c")
    limits = replace(POLICY.champion, expected_tries=1)
    trial = Trial.against_champion(Deciding.all_of(ours.predictions), 1, limits)
    proofs = list(judge_proofs(ours, theirs, limits, trial))
    every = Paired(rows, 300, 300)
    assert every.bound(trial.level) != every.bound(trial.next_level)
    assert proofs[0].rule.value == every.bound(trial.level)
    half = Paired(rows // 2, 150, 150)
    assert [proof.rule.value for proof in proofs[1:]] == [half.bound(limits.significance)] * 2


def test_where_no_image_decides_the_errors_of_each_class_are_judged_all_the_same() -> None:
    ours, theirs = make_report([True] * 200), make_report([True] * 200, name="champion")
    deciding = choose_deciding(ours.predictions, chose=(), share=1e-6)
    proofs = list(judge_proofs(ours, theirs, POLICY.champion, Trial.against_champion(deciding, 1, POLICY.champion)))
    assert [proof.rule.value is None for proof in proofs] == [True, False, False]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (None, "with a margin of 0, only a detector that is better can be proven"),
        (0, "there are enough images to settle it in 8 of 10 cases between equal detectors"),
        (7, "about 7 more test images would settle it"),
        (99, "about 99 more test images would settle it"),
        (101, "about 110 more test images would settle it"),
        (12_300, "about 13,000 more test images would settle it"),
    ],
)
def test_the_images_that_are_missing_are_rounded_up_to_two_digits(more: int | None, words: str) -> None:
    assert tell_more(more) == words


def test_a_comparison_says_on_how_many_images_and_clusters_it_rests() -> None:
    assert describe(Paired(1_200, 3, 4), "images") == "1,200 images"
    rights = np.zeros(1_200, dtype=bool)
    grouped = Paired.of(rights, rights, np.arange(1_200) // 4)
    assert describe(grouped, "images") == "1,200 images in 300 clusters"


def test_images_of_a_report_from_before_clusters_are_clusters_of_their_own() -> None:
    found = Deciding.all_of(CLOSE.predictions)
    assert (found.total, found.clusters, found.free, found.known, found.share) == (ROWS, ROWS, ROWS, True, 1.0)
    assert found.images == set(CLOSE.predictions.sha256)
    assert found.chose == frozenset()
    assert Deciding.all_of(with_clusters(CLOSE, 100).predictions).clusters == 100


def with_clusters(report: Report, clusters: int) -> Report:
    predictions: Predictions = report.predictions
    numbers = tuple(number % clusters for number in range(report.rows))
    return replace(report, predictions=replace(predictions, cluster=numbers))


def test_in_clusters_the_same_differences_prove_less() -> None:
    decision = judge(with_clusters(CLOSE, 100), with_clusters(CHAMPION, 100), POLICY)
    assert_told(decision, "clustered.txt")


def get_details(decision: Decision) -> dict[str, str]:
    return {rule.name.removesuffix(" against the champion"): rule.detail for rule in decision.rules}


def test_what_neither_report_holds_is_named_with_the_limit_of_its_rule() -> None:
    overall = {name: estimate for name, estimate in CLOSE.overall.items() if name != "answered_error"}
    bare = replace(CLOSE, overall=overall, stable=None, robustness=())
    bare = replace(bare, predictions=replace(bare.predictions, groups={}))
    rules = {rule.name.partition(" against")[0]: rule for rule in judge(bare, CHAMPION, POLICY).rules[-7:]}
    for name, what, limit in (
        ("slices", "groups of images", -0.03),
        ("degraded accuracy", "blur, noise", -0.05),
        ("answered and right", "share of images that are answered", -0.05),
        ("stability", "stability", -0.1),
    ):
        assert (rules[name].passed, rules[name].value, rules[name].limit) == (False, None, limit)
        assert rules[name].detail == f"the report holds no {what}, so the rule could not be judged"
    nothing = replace(CHAMPION, robustness=())
    assert "holds no degraded images" in get_details(judge(CLOSE, nothing, POLICY))["degraded accuracy"]


def test_a_chance_that_is_the_significance_exactly_is_no_proof_of_a_fall() -> None:
    behind, chance = make_report(right_but(70, of=ROWS, first=600)), Paired(ROWS, 50, 70).chance
    for significance, verdict in ((chance, "equal"), (np.nextafter(chance, 1), "worse")):
        limits = replace(POLICY, champion=replace(POLICY.champion, significance=float(significance)))
        assert get_details(judge(behind, CHAMPION, limits))["McNemar's test"].startswith(f"{verdict}: ")


@pytest.mark.parametrize(("kinds", "passed"), [(1, False), (13, True)])
def test_a_fall_that_one_degradation_proves_is_chance_among_thirteen(kinds: int, passed: bool) -> None:
    names = [f"kind {number}" for number in range(kinds)]
    ours = make_report([True] * 400, degraded=dict.fromkeys(names, 0.8) | {names[0]: 0.7375})
    theirs = make_report([True] * 400, name="champion", degraded=dict.fromkeys(names, 0.8))
    decision = judge(ours, theirs, POLICY)
    rule = next(rule for rule in decision.rules if rule.name.startswith("degraded accuracy against"))
    assert rule.passed is passed


def test_a_slice_too_small_to_tell_does_not_fall_with_one_that_does() -> None:
    groups = {"generator": ["large"] * 1_000 + ["rare"] * 3}
    ours = make_report(right_but(43, of=1_003, first=960), groups=groups)
    detail = get_details(judge(ours, make_report([True] * 1_003, name="champion", groups=groups), POLICY))
    assert detail["slices by generator"].startswith("fallen: large -4.00 points (1000 images, 0 won, 40 lost")
    assert "rare" not in detail["slices by generator"]


@pytest.mark.parametrize(("images", "slices"), [(49, 4), (50, 3)])
def test_a_slice_is_small_below_the_limit(images: int, slices: int) -> None:
    limits = replace(POLICY, champion=replace(POLICY.champion, small_slice=50))
    groups = {"generator": ["common"] * 900 + ["rare"] * 20 + ["seldom"] * images}
    rights = [True] * (920 + images)
    decision = judge(make_report(rights, groups=groups), make_report(rights, name="c", groups=groups), limits)
    assert get_details(decision)["slices by generator"].startswith(f"worst of {slices}: ")


def test_the_images_that_are_missing_follow_from_the_spread_and_the_gain() -> None:
    """Of 900 images that did not choose the champion, half are real."""
    ours, theirs = (
        make_report(right_but(20, of=1_000, first=500)),
        make_report(right_but(20, of=1_000), name="champion"),
    )
    deciding = choose_deciding(ours.predictions, chose={f"image{number}" for number in range(900, 1_000)}, share=0.5)
    limits = POLICY.champion
    trial = Trial.against_champion(deciding, 1, limits)
    accuracy, alarms, recall = judge_proofs(ours, theirs, limits, trial)
    half = Paired(450, 10, 10)
    for proof, margin in ((alarms, limits.false_alarm_margin), (recall, limits.recall_margin)):
        needed = count_needed(half.spread, margin, limits.significance)
        assert proof.more == max(0, round((needed / 450 - 1) * 900))
        assert proof.more > 0
    assert accuracy.more is not None
    assert accuracy.more > alarms.more  # type: ignore[operator]
    better = make_report([True] * 1_000)
    (gained, *_) = judge_proofs(better, theirs, limits, trial)
    assert gained.more is not None
    assert gained.more < accuracy.more


@pytest.mark.parametrize(
    ("key", "rule", "what"),
    [
        ("accuracy", "accuracy", "accuracy"),
        ("tpr", "recall", "recall"),
        ("fpr", "false alarms", "false-positive rate"),
        ("ece", "calibration error", "calibration error"),
        ("answered", "answered error", "answered error"),
    ],
)
def test_what_was_not_measured_is_named_with_its_limit(key: str, rule: str, what: str) -> None:
    def judge_without(report: Report) -> dict[str, Rule]:
        return {rule.name: rule for rule in judge(report, None, POLICY).rules}

    measured = judge_without(CLOSE)[rule]
    overall = {name: estimate for name, estimate in CLOSE.overall.items() if name != key}
    found = judge_without(replace(CLOSE, overall=overall))[rule]
    assert (found.passed, found.value, found.limit) == (False, None, measured.limit)
    assert found.detail == f"the report holds no {what}, so the rule could not be judged"
    assert "holds no degraded images," in judge_without(replace(CLOSE, robustness=()))["degraded accuracy"].detail
