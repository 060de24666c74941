"""Retrain: the steps from a trained run to production, as the tasks of `retrain_detector` call them."""

import tempfile
from pathlib import Path

from model.artifact import CARD, Card
from model.detector import Detector
from model.errors import RegistryError
from model.evaluate import evaluate
from model.gate import Decision, decide
from model.gate_policy import read_policy
from model.lake import Lake
from model.manifest import read_manifest
from model.registry import CANDIDATE, FULL, INT8, PRODUCTION, ModelVersion, Registry, Run, connect
from model.report import Report
from model.report_page import render
from model.settings import Settings

REPORT = "report.json"
REPORT_INT8 = "report-int8.json"
CHAMPION = "champion.json"
DECISION = "decision.json"
DECISION_INT8 = "decision-int8.json"
PAGE = "report.html"
JUDGED_AGAINST = "gate_champion"
"""Tag of a version: the one that the gate compared it with, "none" when nothing was in production."""
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
        registry.repair()  # who is champion since somebody moved production by hand is in the history before it is used
        production = registry.resolve(PRODUCTION)
        if production is not None and production.run_id != run_id:
            champion = _load(registry, production.version)
            champion_report = evaluate(champion, lake, manifest, dataset_version=dataset_version)
            _log_text(run, CHAMPION, champion_report.to_json())


def decide_run(settings: Settings, run_id: str, *, dag_run_id: str = "") -> Decision:
    """Apply the gate to an evaluated run and register its detector, whatever the outcome, with the outcome as tags.

    What is registered is the int8 variant when the run has one that passes as well, the detector as trained otherwise.
    Logs decision.json, decision-int8.json and report.html, and sets the alias `candidate` when the gate passed. When
    another detector was put into production since the evaluation, the run is evaluated anew; when the run's own was,
    the decision that put it there stands. Raises RegistryError when the run was not evaluated, SettingsError for a
    policy that cannot be read.
    """
    policy = read_policy(settings.gate_policy)
    registry = connect(settings)
    production = registry.resolve(PRODUCTION)
    if production is not None and production.run_id == run_id and (earlier := registry.read_file(run_id, DECISION)):
        return Decision.from_json(earlier)
    report, champion = _read_reports(settings, registry, run_id, production)
    decision, variant = decide(report, champion, policy), FULL
    smaller = _read_report(registry, run_id, REPORT_INT8) if decision.promote else None
    with registry.run("decide", params={}, run_id=run_id) as run:
        if smaller is not None:
            of_smaller = decide(smaller, champion, policy, original=report)
            _log_text(run, DECISION_INT8, of_smaller.to_json())
            if of_smaller.promote:
                report, decision, variant = smaller, of_smaller, INT8
        _log_text(run, DECISION, decision.to_json())
        _log_text(run, PAGE, render(report, decision))
    judged_against = production.version if production is not None and champion is not None else "none"
    tags = _describe(registry, run_id, variant, report, decision)
    tags |= {JUDGED_AGAINST: judged_against, "dag_run_id": dag_run_id}
    version = registry.register(run_id, tags={name: value for name, value in tags.items() if value}, variant=variant)
    if decision.promote:
        registry.set_alias(CANDIDATE, version.version)
    return decision


def promote_run(settings: Settings, run_id: str, *, reason: str) -> ModelVersion:
    """Put the detector of a run into production.

    Raises RegistryError unless the gate has passed it against the version that is in production still.
    """
    registry = connect(settings)
    version = registry.find(run_id)
    if version is None:
        raise RegistryError(f"run {run_id} may not be promoted: the gate says 'not decided', not 'passed'")
    return registry.promote(
        version.version,
        reason=reason,
        by=version.tags.get("dag_run_id", ""),
        judged_against=version.tags.get(JUDGED_AGAINST),
    )


def rollback(settings: Settings, *, reason: str, to: str | None = None, by: str = "") -> ModelVersion:
    """Put the previous detector, or version `to`, back into production; `by` is who wants it."""
    return connect(settings).rollback(reason=reason, to=to, by=by)


def _load(registry: Registry, version_or_run_id: str) -> Detector:
    with tempfile.TemporaryDirectory() as aside:
        return Detector.load(registry.download(version_or_run_id, Path(aside)))


def _read_reports(
    settings: Settings, registry: Registry, run_id: str, production: ModelVersion | None
) -> tuple[Report, Report | None]:
    """Return the reports on a run and on what is in production now, evaluating anew when that is not what it was."""
    report, champion = (_read_report(registry, run_id, name) for name in (REPORT, CHAMPION))
    if report is None:
        raise RegistryError(f"run {run_id} has no {REPORT}: evaluate it first")
    if production is None or production.run_id == run_id:
        return report, None
    expected = _read_card(registry, production.run_id, production.variant).onnx_sha256
    if champion is None or champion.onnx_sha256 != expected:
        evaluate_run(settings, run_id)
        report, champion = (_read_report(registry, run_id, name) for name in (REPORT, CHAMPION))
    if report is None or champion is None or champion.onnx_sha256 != expected:
        raise RegistryError(f"production changed from version {production.version} while it was judged; decide again")
    return report, champion


def _read_card(registry: Registry, run_id: str, variant: str) -> Card:
    return Card.from_json(registry.read_file(run_id, f"{variant}/{CARD}") or b"")


def _describe(registry: Registry, run_id: str, variant: str, report: Report, decision: Decision) -> dict[str, str]:
    tags = {
        "dataset_version": report.dataset_version,
        "git_sha": _read_card(registry, run_id, variant).git_revision,
        "onnx_sha256": report.onnx_sha256,
        "gate": "passed" if decision.promote else "failed",
        "gate_reason": decision.reason,
        "report": PAGE,
    }
    return tags | {f"test_{name}": f"{report.overall[name].value:.4f}" for name in LOGGED_METRICS}


def _read_report(registry: Registry, run_id: str, name: str) -> Report | None:
    content = registry.read_file(run_id, name)
    return Report.from_json(content) if content is not None else None


def _log_text(run: Run, name: str, content: str) -> None:
    with tempfile.TemporaryDirectory() as aside:
        (Path(aside) / name).write_text(content)
        run.log_folder(Path(aside))
