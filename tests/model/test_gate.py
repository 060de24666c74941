import pytest

from model.gate import Decision, Policy, decide
from model.metrics import Estimate
from model.report import Latency, Predictions, Report


def make_report(right: int, wrong: int = 0, *, f1: float = 0.95, prefix: str = "image") -> Report:
    """A report on `right` + `wrong` AI images, the first `right` of which are called so."""
    count = right + wrong
    accuracy = right / count
    return Report(
        dataset_version="v1",
        split="test",
        rows=count,
        onnx_sha256="0",
        threshold=0.5,
        overall={"accuracy": Estimate(accuracy, accuracy - 0.01, accuracy + 0.01), "f1": Estimate(f1, f1, f1)},
        slices=(),
        latency=Latency(1.0, 2.0),
        size_bytes=1_000_000,
        predictions=Predictions(
            tuple(f"{prefix}{number}" for number in range(count)), (1,) * count, (0.9,) * right + (0.1,) * wrong
        ),
    )


def get_passed(decision: Decision) -> dict[str, bool]:
    return {rule.name: rule.passed for rule in decision.rules}


def test_a_good_first_detector_is_promoted() -> None:
    decision = decide(make_report(95, 5), None)
    assert decision.promote
    assert "there is no champion yet" in decision.rules[-1].detail


@pytest.mark.parametrize(("right", "passed"), [(84, False), (85, True)])
def test_accuracy_must_reach_its_limit(right: int, passed: bool) -> None:
    decision = decide(make_report(right, 100 - right), None)
    assert decision.promote is passed
    assert get_passed(decision) == {"accuracy": passed, "f1": True, "not worse than champion": True}


@pytest.mark.parametrize(("f1", "passed"), [(0.799, False), (0.80, True)])
def test_f1_must_reach_its_limit(f1: float, passed: bool) -> None:
    decision = decide(make_report(95, 5, f1=f1), None)
    assert decision.promote is passed
    assert get_passed(decision) == {"accuracy": True, "f1": passed, "not worse than champion": True}


@pytest.mark.parametrize(("champion", "passed"), [(94, True), (95, True), (96, False)])
def test_a_challenger_must_not_be_worse_than_the_champion_and_a_tie_passes(champion: int, passed: bool) -> None:
    decision = decide(make_report(95, 5), make_report(champion, 100 - champion))
    assert decision.promote is passed
    assert get_passed(decision)["not worse than champion"] is passed
    assert (decision.rules[-1].value, decision.rules[-1].limit) == (0.95, champion / 100)


def test_only_shared_images_are_compared() -> None:
    """The champion is worse overall, but right on every image that both have seen."""
    decision = decide(make_report(95, 5), make_report(100, 300))
    assert not decision.promote
    assert decision.rules[-1].detail == "95 of 100 shared images right, the champion 100"


def test_reports_on_different_images_promote_nothing() -> None:
    decision = decide(make_report(95, 5), make_report(50, 50, prefix="other"))
    assert not decision.promote
    assert "share no image" in decision.rules[-1].detail


def test_a_stricter_policy_refuses_what_the_default_lets_pass() -> None:
    report = make_report(95, 5)
    assert decide(report, None).promote
    assert not decide(report, None, Policy(min_accuracy=0.96)).promote


def test_a_decision_reads_as_one_line_a_rule() -> None:
    lines = str(decide(make_report(84, 16), None)).splitlines()
    assert lines[0] == "do not promote"
    assert lines[1] == "FAILED  accuracy: 0.8400 (95 % interval 0.8300 to 0.8500), at least 0.85 is required"
    assert [line.split()[0] for line in lines[2:]] == ["passed", "passed"]
