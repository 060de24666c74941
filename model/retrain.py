"""Retrain: the steps from a trained run to production, as the tasks of `retrain_detector` call them."""

import dataclasses
import tempfile
from pathlib import Path

from model.artifact import CARD, Card
from model.detector import Detector
from model.errors import RegistryError
from model.evaluate import evaluate
from model.gate import Decision, Policy, decide
from model.lake import Lake
from model.manifest import read_manifest
from model.registry import CANDIDATE, FULL, PRODUCTION, ModelVersion, Registry, Run, connect
from model.report import Report
from model.report_page import render
from model.settings import Settings

REPORT = "report.json"
CHAMPION = "champion.json"
DECISION = "decision.json"
PAGE = "report.html"
LOGGED_METRICS = ("accuracy", "f1", "auroc", "ece")


def evaluate_run(settings: Settings, run_id: str) -> None:
    """Evaluate a run's detector, and the one in production, on the frozen test split of the run's dataset version.

    Logs report.json and, unless the run itself is in production or nothing is, champion.json; a second call replaces
    them. Raises ArtifactError for a detector that does not check out and DatasetError for a version that cannot be
    read.
    """
    registry = connect(settings)
    challenger = _load(registry, run_id)
    dataset_version = challenger.card.dataset_version
    lake = Lake(settings.lake_url)
    manifest = read_manifest(lake, dataset_version)
    with registry.run("evaluate", params={}, run_id=run_id) as run:
        report = evaluate(challenger, lake, manifest, dataset_version=dataset_version)
        _log_text(run, REPORT, report.to_json())
        run.log_metrics({f"test_{name}": report.overall[name].value for name in LOGGED_METRICS})
        production = registry.resolve(PRODUCTION)
        if production is not None and production.run_id != run_id:
            champion = _load(registry, production.version)
            champion_report = evaluate(champion, lake, manifest, dataset_version=dataset_version)
            _log_text(run, CHAMPION, champion_report.to_json())


def decide_run(settings: Settings, run_id: str, *, dag_run_id: str = "") -> Decision:
    """Apply the gate to an evaluated run and register its detector, whatever the outcome, with the outcome as tag.

    Logs decision.json and report.html, and sets the alias `candidate` when the gate passed. Raises RegistryError when
    the run was not evaluated.
    """
    registry = connect(settings)
    report = _read_report(registry, run_id, REPORT)
    if report is None:
        raise RegistryError(f"run {run_id} has no {REPORT}: evaluate it first")
    decision = decide(report, _read_report(registry, run_id, CHAMPION), Policy())
    with registry.run("decide", params={}, run_id=run_id) as run:
        run.log_dict(dataclasses.asdict(decision), DECISION)
        _log_text(run, PAGE, render(report, decision))
    version = registry.register(run_id, tags=_describe(registry, run_id, report, decision, dag_run_id))
    if decision.promote:
        registry.set_alias(CANDIDATE, version.version)
    return decision


def promote_run(settings: Settings, run_id: str, *, reason: str) -> ModelVersion:
    """Put the detector of a run into production; raises RegistryError unless the gate has passed it."""
    registry = connect(settings)
    version = registry.find(run_id)
    gate = version.tags.get("gate") if version else None
    if version is None or gate != "passed":
        raise RegistryError(f"run {run_id} may not be promoted: the gate says '{gate or 'not decided'}', not 'passed'")
    return registry.promote(version.version, reason=reason)


def rollback(settings: Settings, *, reason: str, to: str | None = None) -> ModelVersion:
    """Put the previous detector, or version `to`, back into production."""
    return connect(settings).rollback(reason=reason, to=to)


def _load(registry: Registry, version_or_run_id: str) -> Detector:
    with tempfile.TemporaryDirectory() as aside:
        return Detector.load(registry.download(version_or_run_id, Path(aside)))


def _describe(registry: Registry, run_id: str, report: Report, decision: Decision, dag_run_id: str) -> dict[str, str]:
    card = Card.from_json(registry.read_file(run_id, f"{FULL}/{CARD}") or b"")
    tags = {
        "dataset_version": report.dataset_version,
        "git_sha": card.git_revision,
        "onnx_sha256": report.onnx_sha256,
        "gate": "passed" if decision.promote else "failed",
        "dag_run_id": dag_run_id,
        "report": PAGE,
    }
    measured = {f"test_{name}": f"{report.overall[name].value:.4f}" for name in LOGGED_METRICS}
    return {name: value for name, value in (tags | measured).items() if value}


def _read_report(registry: Registry, run_id: str, name: str) -> Report | None:
    content = registry.read_file(run_id, name)
    return Report.from_json(content) if content is not None else None


def _log_text(run: Run, name: str, content: str) -> None:
    with tempfile.TemporaryDirectory() as aside:
        (Path(aside) / name).write_text(content)
        run.log_folder(Path(aside))
