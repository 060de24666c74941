"""The decision on a run, with a real registry and hand-written reports."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from model.dataset.lake import Lake
from model.errors import RegistryError
from model.evaluation.gate.deciding import DecidingImages
from model.evaluation.gate.decision import Decision
from model.evaluation.gate.policy import read_policy
from model.evaluation.report import Latency, Report
from model.registry import FULL, INT8, Registry
from model.registry.promotion import promote
from model.registry.state import look
from model.retraining import steps
from model.retraining.steps import evaluate_run, promote_run
from support.evaluation_reports import make_report, right_but
from support.trained_runs import Trainer

pytestmark = pytest.mark.usefixtures("without_plots")

GOOD, BAD = right_but(2, of=100), right_but(30, of=100)
ENOUGH = right_but(2, of=3_000)
REPORTED_ON = make_report(GOOD).dataset_version
SLOW, FAST = Latency(10.0, 12.0), Latency(5.0, 6.0)


@pytest.fixture
def trainer(registry: Registry, lake: Lake, tiny_artifact: Callable[..., Path]) -> Trainer:
    return Trainer(registry, lake, tiny_artifact)


@pytest.fixture
def evaluated(trainer: Trainer, tmp_path: Path) -> Callable[..., str]:
    """`evaluated(bias, rights)` makes a run with its report, and with reports on other versions by file name."""

    def make(bias: float, rights: list[bool] = GOOD, *, others: Mapping[str, Report] = MappingProxyType({})) -> str:
        run_id = trainer.train(bias)
        trainer.report(
            run_id, tmp_path, {"report.json": make_report(rights, name=trainer.hash_of(bias))} | dict(others)
        )
        return run_id

    return make


Evaluated = Callable[..., str]


def test_a_first_good_run_is_registered_as_a_candidate_with_the_reason(trainer: Trainer, evaluated: Evaluated) -> None:
    run_id = evaluated(0.0)
    decision = trainer.decide(run_id, dag_run_id="manual__1", reason="a new camera")
    assert decision.promote
    candidate = trainer.registry.resolve("candidate")
    assert candidate is not None
    assert candidate.run_id == run_id
    told = {name: tag for name, tag in candidate.tags.items() if name.startswith(("gate", "dag", "retrain"))}
    assert told == {
        "gate": "passed",
        "gate_reason": "all 13 rules passed",
        "gate_champion": "none",
        "dag_run_id": "manual__1",
        "retrain_reason": "a new camera",
    }
    assert trainer.registry.client.get_run(run_id).data.tags["retrain_reason"] == "a new camera"
    assert Decision.from_json(trainer.registry.read_file(run_id, "decision.json") or b"") == decision


def test_a_dataset_version_is_known_to_be_trained_on_once_a_run_was_decided_whatever_the_outcome(
    trainer: Trainer, evaluated: Evaluated
) -> None:
    assert trainer.registry.find_trained(REPORTED_ON) is None
    trainer.decide(evaluated(0.0))
    trainer.decide(refused := evaluated(1.0, BAD))
    newest = trainer.registry.find_trained(REPORTED_ON)
    assert newest is not None
    assert newest == trainer.registry.find(refused)
    assert trainer.registry.find_trained("v2") is None


def test_a_refused_run_is_registered_with_the_rule_it_failed_and_is_no_candidate(
    trainer: Trainer, evaluated: Evaluated
) -> None:
    run_id = evaluated(0.0, BAD)
    assert not trainer.decide(run_id).promote
    version = trainer.registry.find(run_id)
    assert version is not None
    assert version.tags["gate"] == "failed"
    assert version.tags["gate_reason"].startswith("failed: accuracy (70.00 %")
    assert trainer.registry.resolve("candidate") is None


def test_the_limits_are_those_of_the_policy(trainer: Trainer, evaluated: Evaluated, tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text("[alone]\nmin_accuracy = 0.99")
    decision = trainer.decide(evaluated(0.0), policy=read_policy(str(tmp_path / "strict.toml")))
    assert [rule.name for rule in decision.rules if not rule.passed] == ["accuracy"]


def test_the_same_detector_trained_again_is_refused_for_that_reason(trainer: Trainer, evaluated: Evaluated) -> None:
    first = evaluated(0.0)
    trainer.decide(first)
    promote(trainer.registry, "1", reason="first")
    again = evaluated(0.0, others={"champion.json": make_report(GOOD, name=trainer.hash_of(0.0))})
    decision = trainer.decide(again)
    assert not decision.promote
    assert decision.reason.startswith("failed: new, not the champion (this is the champion itself, byte for byte")
    version = trainer.registry.find(again)
    assert version is not None
    assert version.tags["gate_champion"] == "1"


def test_the_decision_that_put_a_run_into_production_stands(trainer: Trainer, evaluated: Evaluated) -> None:
    run_id = evaluated(0.0)
    decision = trainer.decide(run_id)
    promote(trainer.registry, "1", reason="first")
    before = trainer.registry.resolve("production")
    assert trainer.decide(run_id) == decision
    assert trainer.registry.resolve("production") == before


def test_a_run_that_was_compared_with_another_champion_is_evaluated_anew(
    registry: Registry, lake: Lake, tiny_artifact: Callable[..., Path], brightness_dataset: Callable[[Lake], str]
) -> None:
    trainer = Trainer(registry, lake, tiny_artifact, brightness_dataset(lake))
    challenger, other = trainer.train(0.0), trainer.train(0.5)
    evaluate_run(registry, lake, challenger)
    trainer.registry.register(other, tags={"gate": "passed"})
    promote(trainer.registry, "1", reason="meanwhile")
    trainer.decide(challenger)
    champion = Report.from_json(trainer.registry.read_file(challenger, "champion.json") or b"")
    assert champion.onnx_sha256 == trainer.hash_of(0.5)
    version = trainer.registry.find(challenger)
    assert version is not None
    assert version.tags["gate_champion"] == "1"


def test_when_production_never_holds_still_nothing_is_decided(
    trainer: Trainer, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.registry.register(trainer.train(0.5), tags={"gate": "passed"})
    promote(trainer.registry, "1", reason="meanwhile")
    run_id = evaluated(0.0, others={"champion.json": make_report(GOOD, name="yet another")})
    monkeypatch.setattr(steps, "evaluate_run", lambda *_: None)
    with pytest.raises(RegistryError, match="production changed from version 1 during the evaluation; decide again"):
        trainer.decide(run_id)
    assert trainer.registry.find(run_id) is None


@pytest.mark.parametrize(("latency", "variant"), [(FAST, INT8), (SLOW, FULL)], ids=["faster", "not faster"])
def test_the_smaller_variant_is_registered_when_it_passes_too_and_is_faster(
    trainer: Trainer, tmp_path: Path, latency: Latency, variant: str
) -> None:
    run_id = trainer.train(0.0, int8=0.1)
    hashes = {FULL: trainer.hash_of(0.0), INT8: trainer.hash_of(0.1)}
    many = right_but(2, of=1_000)
    reports = {
        "report.json": make_report(many, name=hashes[FULL], latency=SLOW),
        "report-int8.json": make_report(many, name=hashes[INT8], latency=latency),
    }
    trainer.report(run_id, tmp_path, reports)
    assert trainer.decide(run_id).promote
    version = trainer.registry.find(run_id)
    assert version is not None
    assert (version.variant, version.tags["onnx_sha256"]) == (variant, hashes[variant])
    of_smaller = Decision.from_json(trainer.registry.read_file(run_id, "decision-int8.json") or b"")
    assert of_smaller.promote is (variant == INT8)


@pytest.fixture
def challenge(trainer: Trainer, evaluated: Evaluated) -> Callable[..., str]:
    """`challenge(bias, rights)` makes a run that was evaluated beside the champion, a first good run in production."""
    trainer.decide(evaluated(0.0, ENOUGH))
    promote(trainer.registry, "1", reason="first")
    theirs = {"champion.json": make_report(ENOUGH, name=trainer.hash_of(0.0))}
    return lambda bias, rights=ENOUGH: evaluated(bias, rights, others=theirs)


def read_deciding(trainer: Trainer, run_id: str) -> DecidingImages:
    return DecidingImages.from_json(trainer.registry.read_file(run_id, "deciding.json") or b"")


def test_each_decision_against_a_champion_is_counted_once_and_needs_more_certainty(
    trainer: Trainer, challenge: Callable[..., str]
) -> None:
    first, second = challenge(0.1), challenge(0.2)
    once = replace(read_policy(), champion=replace(read_policy().champion, expected_tries=1))
    said = [str(trainer.decide(run_id, policy=once)) for run_id in (first, second, first)]
    assert [read_deciding(trainer, run_id).number for run_id in (first, second)] == [1, 2]
    assert "with 97.50 % certainty" in said[0]
    assert "with 98.75 % certainty" in said[1]
    assert said[2] == said[0]
    lax = replace(once, champion=replace(once.champion, margin=0.02))
    trainer.decide(first, policy=lax)  # other limits are another decision
    assert read_deciding(trainer, first).number == 3


def test_the_images_that_chose_a_champion_do_not_judge_its_challenger(
    trainer: Trainer, challenge: Callable[..., str], evaluated: Evaluated
) -> None:
    champion = challenge(0.1)
    assert trainer.decide(champion).promote
    chose = read_deciding(trainer, champion)
    assert (chose.champion, len(chose.sha256)) == ("1", 2_000)
    promote_run(trainer.registry, champion, reason="gate")
    theirs = {"champion.json": make_report(ENOUGH, name=trainer.hash_of(0.1))}
    trainer.decide(follower := evaluated(0.2, ENOUGH, others=theirs))
    judged = read_deciding(trainer, follower)
    assert (judged.champion, judged.number, len(judged.sha256)) == ("2", 1, 1_000)
    assert set(judged.sha256).isdisjoint(chose.sha256)
    decision = Decision.from_json(trainer.registry.read_file(follower, "decision.json") or b"")
    assert "; on the 2,000 that chose the champion: +0.00" in str(decision)


def test_a_champion_without_a_list_of_images_is_judged_on_all_and_without_a_champion_none_is_kept(
    trainer: Trainer, evaluated: Evaluated
) -> None:
    trainer.registry.register(trainer.train(0.0), tags={"gate": "passed"})
    promote(trainer.registry, "1", reason="as older installations did")
    theirs = {"champion.json": make_report(ENOUGH, name=trainer.hash_of(0.0))}
    assert trainer.decide(run_id := evaluated(0.1, ENOUGH, others=theirs)).promote
    assert len(read_deciding(trainer, run_id).sha256) == 2_000


def test_when_images_are_too_few_a_person_is_asked_and_only_a_yes_changes_production(
    trainer: Trainer, challenge: Callable[..., str]
) -> None:
    few = replace(read_policy(), champion=replace(read_policy().champion, deciding_share=0.1))
    run_id = challenge(0.1)
    decision = trainer.decide(run_id, policy=few)
    assert (decision.promote, decision.ask) == (False, True)
    version = trainer.registry.find(run_id)
    assert version is not None
    assert version.tags["gate"] == "asked"
    assert trainer.registry.resolve("candidate") == trainer.registry.resolve("production")
    with pytest.raises(RegistryError, match="the gate says 'asked', not 'passed'"):
        promote_run(trainer.registry, run_id, reason="gate")
    promoted = promote_run(trainer.registry, run_id, reason="gate, approved by Ada", approved=True)
    assert (promoted.version, promoted.tags["gate"]) == (version.version, "passed")
    assert promoted.tags["promotion_reason"] == "gate, approved by Ada"
    assert look(trainer.registry).history.changes[-1].how == "promotion"


def test_a_person_cannot_approve_what_the_gate_refused(trainer: Trainer, evaluated: Evaluated) -> None:
    trainer.decide(run_id := evaluated(0.0, BAD))
    with pytest.raises(RegistryError, match="the gate says 'failed', not 'passed'"):
        promote_run(trainer.registry, run_id, reason="gate", approved=True)


def test_a_run_that_was_not_evaluated_cannot_be_decided_on(trainer: Trainer) -> None:
    with pytest.raises(RegistryError, match=r"has no report\.json: evaluate it first"):
        trainer.decide(trainer.train(0.0))
