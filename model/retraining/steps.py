"""Retrain: the steps from a trained run to production, as the tasks of `retrain_detector` call them."""

import tempfile
from pathlib import Path

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.artifact import CARD
from model.detectors.detector import Detector
from model.errors import RegistryError
from model.evaluation.evaluate import evaluate_detector
from model.evaluation.gate.decision import Decision, judge
from model.evaluation.gate.policy import read_policy
from model.evaluation.report import Report
from model.pages.gallery import draw_gallery
from model.registry import CANDIDATE, FULL, INT8, PRODUCTION, ModelVersion, Registry, connect, promotion
from model.registry import version_tags as tags
from model.registry.run_files import CHAMPION, DECISION, DECISION_INT8, GALLERY, PAGE, REPORT, REPORT_INT8
from model.retraining.run_records import draw_page, log_text, read_card, read_report
from model.settings import Settings

LOGGED_METRICS = ("accuracy", "f1", "auroc", "ece")


def find_trained(settings: Settings, dataset_version: str) -> ModelVersion | None:
    """Return the newest version that was trained on a dataset version, promoted or not; None when none was."""
    return connect(settings).find_trained(dataset_version)


def evaluate_run(settings: Settings, run_id: str) -> None:
    """Evaluate a run's detector, and the one in production, on the frozen test split of the run's dataset version.

    Logs report.json and gallery.json; report-int8.json when training made that variant; champion.json unless the run
    itself is in production or nothing is. A second call replaces them. Raises ArtifactError for a detector that does
    not check out and DatasetError for a version that cannot be read.
    """
    registry = connect(settings)
    challenger = load_detector(registry, run_id)
    dataset_version = challenger.card.dataset_version
    lake = Lake(settings.lake_url)
    manifest = read_manifest(lake, dataset_version)

    def measure(detector: Detector) -> Report:
        return evaluate_detector(detector, lake, manifest, dataset_version=dataset_version)

    with registry.run("evaluate", params={}, run_id=run_id) as run:
        report = measure(challenger)
        log_text(run, REPORT, report.to_json())
        run.log_metrics({tags.measured(name): report.overall[name].value for name in LOGGED_METRICS})
        log_text(run, GALLERY, draw_gallery(challenger, lake, manifest, report).to_json())
        if registry.read_file(run_id, f"{INT8}/{CARD}") is not None:
            log_text(run, REPORT_INT8, measure(load_detector(registry, run_id, variant=INT8)).to_json())
        promotion.repair(
            registry
        )  # who is champion since somebody moved production by hand is in the history before it is used
        production = registry.resolve(PRODUCTION)
        if production is not None and production.run_id != run_id:
            log_text(run, CHAMPION, measure(load_detector(registry, production.version)).to_json())


def decide_run(settings: Settings, run_id: str, *, dag_run_id: str = "", reason: str = "") -> Decision:
    """Apply the gate to an evaluated run and register its detector, whatever the outcome, with the outcome as tags.

    What is registered is the int8 variant when the run has one that passes as well, the detector as trained otherwise.
    Logs decision.json, decision-int8.json and report.html, and sets the alias `candidate` when the gate passed; the
    `reason` why it was trained becomes a tag of run and version. When another detector was put into production since
    the evaluation, the run is evaluated anew; when the run's own was, the decision that put it there stands. Raises
    RegistryError when the run was not evaluated, SettingsError for a policy that cannot be read.
    """
    policy = read_policy(settings.gate_policy)
    registry = connect(settings)
    production = registry.resolve(PRODUCTION)
    if production is not None and production.run_id == run_id and (earlier := registry.read_file(run_id, DECISION)):
        return Decision.from_json(earlier)
    report, champion = _read_reports(settings, registry, run_id, production)
    decision, variant = judge(report, champion, policy), FULL
    smaller = read_report(registry, run_id, REPORT_INT8) if decision.promote else None
    why = {tags.RETRAIN_REASON: reason} if reason else {}
    with registry.run("decide", params={}, tags=why, run_id=run_id) as run:
        if smaller is not None:
            of_smaller = judge(smaller, champion, policy, original=report)
            log_text(run, DECISION_INT8, of_smaller.to_json())
            if of_smaller.promote:
                report, decision, variant = smaller, of_smaller, INT8
        log_text(run, DECISION, decision.to_json())
        draw_page(registry, run, report, decision)
    judged_against = production.version if production is not None and champion is not None else tags.NOTHING
    told = _describe(registry, run_id, variant, report, decision)
    told |= {tags.GATE_CHAMPION: judged_against, tags.DAG_RUN_ID: dag_run_id} | why
    version = registry.register(run_id, tags={name: value for name, value in told.items() if value}, variant=variant)
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
    return promotion.promote(
        registry,
        version.version,
        reason=reason,
        by=version.tags.get(tags.DAG_RUN_ID, ""),
        judged_against=version.tags.get(tags.GATE_CHAMPION),
    )


def rollback(settings: Settings, *, reason: str, to: str | None = None, by: str = "") -> ModelVersion:
    """Put the previous detector, or `to`, a version or an alias, back into production; `by` is who wants it."""
    return promotion.rollback(connect(settings), reason=reason, to=to, by=by)


def report_address(settings: Settings, run_id: str) -> str:
    """Return where a browser finds the report of a run."""
    return connect(settings).page_address(run_id, PAGE, root=settings.mlflow_url or settings.tracking_uri)


def load_detector(registry: Registry, version_or_run_id: str, *, variant: str = FULL) -> Detector:
    """Load the detector of a version, or a `variant` of that of a run; raises ArtifactError for a broken one."""
    with tempfile.TemporaryDirectory() as aside:
        return Detector.load(registry.download(version_or_run_id, Path(aside), variant=variant))


def _read_reports(
    settings: Settings, registry: Registry, run_id: str, production: ModelVersion | None
) -> tuple[Report, Report | None]:
    """Return the reports on a run and on what is in production now, evaluating anew when that is not what it was."""
    report, champion = (read_report(registry, run_id, name) for name in (REPORT, CHAMPION))
    if report is None:
        raise RegistryError(f"run {run_id} has no {REPORT}: evaluate it first")
    if production is None or production.run_id == run_id:
        return report, None
    expected = read_card(registry, production.run_id, variant=production.variant).onnx_sha256
    if champion is None or champion.onnx_sha256 != expected:
        evaluate_run(settings, run_id)
        report, champion = (read_report(registry, run_id, name) for name in (REPORT, CHAMPION))
    if report is None or champion is None or champion.onnx_sha256 != expected:
        raise RegistryError(f"production changed from version {production.version} while it was judged; decide again")
    return report, champion


def _describe(registry: Registry, run_id: str, variant: str, report: Report, decision: Decision) -> dict[str, str]:
    told = {
        tags.DATASET_VERSION: report.dataset_version,
        tags.GIT_SHA: read_card(registry, run_id, variant=variant).git_revision,
        tags.ONNX_SHA256: report.onnx_sha256,
        tags.GATE: tags.PASSED if decision.promote else tags.FAILED,
        tags.GATE_REASON: decision.reason,
        tags.REPORT: PAGE,
    }
    return told | {tags.measured(name): f"{report.overall[name].value:.4f}" for name in LOGGED_METRICS}
