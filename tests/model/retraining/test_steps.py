import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.errors import RegistryError
from model.evaluation.gate.policy import read_policy
from model.evaluation.report import Report
from model.registry import FULL, INT8, Registry
from model.registry.promotion import rollback
from model.retraining.steps import decide_run, evaluate_run, promote_run

pytestmark = pytest.mark.usefixtures("without_plots")

Write = Callable[..., Path]
SHIPPED = read_policy()
FEW = {"margin": 1.0, "widest_margin": 1.0, "false_alarm_margin": 1.0, "recall_margin": 1.0}
POLICY = replace(SHIPPED, champion=replace(SHIPPED.champion, deciding_share=1.0, **FEW))  # type: ignore[arg-type]
"""Sixty test images prove no smaller margins."""


@pytest.fixture
def train(
    registry: Registry, lake: Lake, tiny_artifact: Write, brightness_dataset: Callable[[Lake], str]
) -> Callable[[float], str]:
    """Log a tiny artifact of some bias as if it had been trained on the brightness dataset."""
    version = brightness_dataset(lake)

    def log(bias: float) -> str:
        with registry.run("train", params={}) as run:
            run.log_artifact(tiny_artifact(bias, dataset_version=version))
        return run.id

    return log


Train = Callable[[float], str]
SLIGHTLY_WRONG = 10 * (0.5 - 93 / 255)
"""Three of the 30 real images are called AI."""
WRONG = 10 * (0.5 - 69 / 255)
"""Half of the real images are called AI."""


def test_a_good_run_becomes_production_and_a_better_one_follows(registry: Registry, lake: Lake, train: Train) -> None:
    for bias in (SLIGHTLY_WRONG, 0.0):
        run_id = train(bias)
        evaluate_run(registry, lake, run_id)
        assert decide_run(registry, lake, run_id, policy=POLICY).promote
        assert promote_run(registry, run_id, reason="passed the gate").run_id == run_id
    production = registry.resolve("production")
    assert production is not None
    assert (production.version, set(production.aliases)) == ("2", {"production", "candidate"})
    rules = json.loads(registry.read_file(run_id, "decision.json") or b"{}")["rules"]
    details = {rule["name"]: rule["detail"] for rule in rules}
    assert details["McNemar's test against the champion"].startswith("equal: of 60 images 3 were won and 0 lost")


def test_an_evaluated_run_carries_its_reports_and_metrics(registry: Registry, lake: Lake, train: Train) -> None:
    run_id = train(SLIGHTLY_WRONG)
    evaluate_run(registry, lake, run_id)
    decide_run(registry, lake, run_id, dag_run_id="manual__1", policy=POLICY)
    report = Report.from_json(registry.read_file(run_id, "report.json") or b"")
    assert report.overall["accuracy"].value == 57 / 60
    assert registry.read_file(run_id, "champion.json") is None
    assert b"Gate: promote" in (registry.read_file(run_id, "report.html") or b"")
    logged = registry.client.get_run(run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.metrics["test_accuracy"] == 57 / 60
    assert {"test_f1", "test_auroc", "test_ece"} < logged.data.metrics.keys()
    version = registry.find(run_id)
    assert version is not None
    assert version.tags == {
        "dataset_version": report.dataset_version,
        "git_sha": "0" * 40,
        "onnx_sha256": report.onnx_sha256,
        "gate": "passed",
        "gate_reason": "all 13 rules passed",
        "gate_champion": "none",
        "dag_run_id": "manual__1",
        "report": "report.html",
        "test_accuracy": "0.9500",
        "test_f1": version.tags["test_f1"],
        "test_auroc": "1.0000",
        "test_ece": version.tags["test_ece"],
    }


def test_the_page_shows_the_champion_and_the_worst_mistakes(registry: Registry, lake: Lake, train: Train) -> None:
    champion, challenger = train(SLIGHTLY_WRONG), train(WRONG)
    for run_id in (champion, challenger):
        evaluate_run(registry, lake, run_id)
        if decide_run(registry, lake, run_id, policy=POLICY).promote:
            promote_run(registry, run_id, reason="passed the gate")
    page = (registry.read_file(challenger, "report.html") or b"").decode()
    assert "The champion was measured on the same images." in page
    assert page.count("data:image/webp;base64,") == 2 * 8
    assert "Real images called AI" in page


def test_an_int8_variant_has_a_report_of_its_own(
    registry: Registry, lake: Lake, train: Train, tiny_artifact: Write
) -> None:
    run_id = train(0.0)
    version = registry.read_file(run_id, f"{FULL}/card.json") or b""
    smaller = tiny_artifact(SLIGHTLY_WRONG, dataset_version=json.loads(version)["dataset_version"])
    with registry.run("train", params={}, run_id=run_id) as run:
        run.log_artifact(smaller, variant=INT8)
    evaluate_run(registry, lake, run_id)
    reports = [
        Report.from_json(registry.read_file(run_id, name) or b"") for name in ("report.json", "report-int8.json")
    ]
    assert [report.overall["accuracy"].value for report in reports] == [1.0, 57 / 60]


def test_a_worse_run_is_registered_as_failed_and_cannot_be_promoted(
    registry: Registry, lake: Lake, train: Train
) -> None:
    champion, challenger = train(0.0), train(WRONG)
    for run_id in (champion, challenger):
        evaluate_run(registry, lake, run_id)
        decision = decide_run(registry, lake, run_id, policy=POLICY)
        if decision.promote:
            promote_run(registry, run_id, reason="passed the gate")
    failed = {rule.name for rule in decision.rules if not rule.passed}
    assert failed >= {"accuracy", "false alarms", "McNemar's test against the champion"}
    with pytest.raises(RegistryError, match="the gate says 'failed'"):
        promote_run(registry, challenger, reason="I like it")
    production, candidate = registry.resolve("production"), registry.resolve("candidate")
    assert production is not None
    assert production == candidate
    assert production.run_id == champion


def test_a_run_that_was_judged_against_another_champion_is_judged_again(
    registry: Registry, lake: Lake, train: Train
) -> None:
    first, second = train(SLIGHTLY_WRONG), train(0.0)
    for run_id in (first, second):
        evaluate_run(registry, lake, run_id)
        decide_run(registry, lake, run_id, policy=POLICY)
    late = registry.find(second)
    assert late is not None
    registry.tag(late.version, {"gate_champion": "none"})
    promote_run(registry, first, reason="passed the gate")
    with pytest.raises(RegistryError, match="was judged against none, but 1 is in production now"):
        promote_run(registry, second, reason="passed the gate")


def test_every_step_can_be_repeated(registry: Registry, lake: Lake, train: Train) -> None:
    run_id = train(0.0)
    for _ in range(2):
        evaluate_run(registry, lake, run_id)
        decide_run(registry, lake, run_id, policy=POLICY)
        promote_run(registry, run_id, reason="passed the gate")
    production = registry.resolve("production")
    assert production is not None
    assert production.version == "1"
    assert registry.resolve("previous") is None
    assert registry.resolve("2") is None


def test_a_rollback_brings_the_previous_detector_back(registry: Registry, lake: Lake, train: Train) -> None:
    for bias in (SLIGHTLY_WRONG, 0.0):
        run_id = train(bias)
        evaluate_run(registry, lake, run_id)
        decide_run(registry, lake, run_id, policy=POLICY)
        promote_run(registry, run_id, reason="passed the gate")
    for _ in range(2):
        assert rollback(registry, reason="complaints", request="a DAG run").version == "1"
    assert rollback(registry, reason="false alarm", to="2").version == "2"


def test_a_run_cannot_skip_a_step(registry: Registry, lake: Lake, train: Train) -> None:
    run_id = train(0.0)
    with pytest.raises(RegistryError, match=r"has no report\.json: evaluate it first"):
        decide_run(registry, lake, run_id, policy=POLICY)
    with pytest.raises(RegistryError, match="the gate says 'not decided'"):
        promote_run(registry, run_id, reason="hurry")
