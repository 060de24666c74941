"""Retrain: the steps from a trained run to production, as the tasks of `retrain_detector` call them."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from model.artifact import CARD, Card
from model.detector import Detector
from model.errors import RegistryError
from model.evaluate import evaluate
from model.gate import Decision, decide
from model.gate_policy import Policy, read_policy
from model.lake import Lake
from model.manifest import read_manifest
from model.registry import CANDIDATE, FULL, INT8, PRODUCTION, ModelVersion, Registry, Run, connect
from model.report import Report
from model.report_page import render
from model.settings import Settings

REPORT = "report.json"
REPORT_INT8 = "report-int8.json"
CHAMPION = "champion.json"
PAGE = "report.html"
_DECISIONS = {FULL: "decision.json", INT8: "decision-int8.json"}
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
    """Apply the gate to an evaluated run and register its detector, whatever the outcome, with the outcome as tags.

    A smaller variant that was evaluated too and passes against both the champion and the original is what is
    registered. Logs the decisions and report.html, and sets the alias `candidate` when the gate passed. When another
    detector was put into production since the evaluation, the run is evaluated anew; when the run's own was, the
    decision that put it there stands. Raises RegistryError when the run was not evaluated, SettingsError for a policy
    that cannot be read.
    """
    policy = read_policy(settings.gate_policy)
    registry = connect(settings)
    _require_report(registry, run_id)
    production = registry.resolve(PRODUCTION)
    if production is not None and production.run_id == run_id:
        earlier = registry.read_file(run_id, _DECISIONS[production.variant])
        if earlier is not None:
            return Decision.from_json(earlier)
        production = None  # somebody put it there by hand, before it was judged
    champion = _read_champion(settings, registry, run_id, production)
    judged = _judge(_require_report(registry, run_id), _read_report(registry, run_id, REPORT_INT8), champion, policy)
    chosen = next((each for each in reversed(judged) if each.decision.promote), judged[0])
    with registry.run("decide", params={}, run_id=run_id) as run:
        for each in judged:
            _log_text(run, _DECISIONS[each.variant], each.decision.to_json())
        _log_text(run, PAGE, render(chosen.report, chosen.decision))
    tags = {"gate_champion": production.version if production else "none"}
    tags |= _describe(registry, run_id, chosen, dag_run_id)
    version = registry.register(run_id, tags=tags, variant=chosen.variant)
    if chosen.decision.promote:
        registry.set_alias(CANDIDATE, version.version)
    return chosen.decision


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


def _read_champion(
    settings: Settings, registry: Registry, run_id: str, production: ModelVersion | None
) -> Report | None:
    """Return the report on what is in production now, evaluating anew when the one at hand is on something else."""
    if production is None:
        return None
    expected = _read_card(registry, production.run_id, production.variant).onnx_sha256
    champion = _read_report(registry, run_id, CHAMPION)
    if champion is None or champion.onnx_sha256 != expected:
        evaluate_run(settings, run_id)
        champion = _read_report(registry, run_id, CHAMPION)
    if champion is None or champion.onnx_sha256 != expected:
        raise RegistryError(
            f"production changed again while run {run_id} was compared with version {production.version}; decide again"
        )
    return champion


def _read_card(registry: Registry, run_id: str, variant: str) -> Card:
    return Card.from_json(registry.read_file(run_id, f"{variant}/{CARD}") or b"")


@dataclass(frozen=True)
class _Judged:
    variant: str
    report: Report
    decision: Decision


def _judge(report: Report, smaller: Report | None, champion: Report | None, policy: Policy) -> list[_Judged]:
    """Judge a run's detector and, when that passes, its smaller variant, which cannot save one that does not."""
    judged = [_Judged(FULL, report, decide(report, champion, policy))]
    if smaller is not None and judged[0].decision.promote:
        judged.append(_Judged(INT8, smaller, decide(smaller, champion, policy, original=report)))
    return judged


def _describe(registry: Registry, run_id: str, chosen: _Judged, dag_run_id: str) -> dict[str, str]:
    report, decision = chosen.report, chosen.decision
    tags = {
        "dataset_version": report.dataset_version,
        "git_sha": _read_card(registry, run_id, chosen.variant).git_revision,
        "onnx_sha256": report.onnx_sha256,
        "gate": "passed" if decision.promote else "failed",
        "gate_reason": decision.reason,
        "dag_run_id": dag_run_id,
        "report": PAGE,
    }
    measured = {f"test_{name}": f"{report.overall[name].value:.4f}" for name in LOGGED_METRICS}
    return {name: value for name, value in (tags | measured).items() if value}


def _require_report(registry: Registry, run_id: str) -> Report:
    report = _read_report(registry, run_id, REPORT)
    if report is None:
        raise RegistryError(f"run {run_id} has no {REPORT}: evaluate it first")
    return report


def _read_report(registry: Registry, run_id: str, name: str) -> Report | None:
    content = registry.read_file(run_id, name)
    return Report.from_json(content) if content is not None else None


def _log_text(run: Run, name: str, content: str) -> None:
    with tempfile.TemporaryDirectory() as aside:
        (Path(aside) / name).write_text(content)
        run.log_folder(Path(aside))
