"""Evaluates a trained run, applies the gate, and promotes its detector."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.artifact import CARD, MOST_BYTES, Card
from model.detectors.detector import Detector
from model.detectors.training_data import describe_training
from model.errors import RegistryError
from model.evaluation.evaluate import evaluate_detector
from model.evaluation.gate.deciding import DecidingImages, choose_deciding
from model.evaluation.gate.decision import Decision
from model.evaluation.gate.policy import Policy
from model.evaluation.report import Report
from model.pages.gallery import draw_gallery
from model.registry import CANDIDATE, FULL, INT8, PRODUCTION, ModelVersion, Registry, ledger, promotion
from model.registry import version_tags as tags
from model.registry.run_files import DECIDING, PAGE
from model.retraining.run_records import RunRecords

LOGGED_METRICS = ("accuracy", "f1", "auroc", "ece")


def evaluate_run(registry: Registry, lake: Lake, run_id: str) -> None:
    """Evaluate a run's detector, and the one in production, on the frozen test split of the run's dataset version.

    Logs these files; a second call replaces them:

    - report.json and gallery.json.
    - report-int8.json if training made the int8 variant.
    - champion.json if a detector of another run is in production.

    Raises ArtifactError for a broken detector, and DatasetError for a dataset version that cannot be read.
    """
    challenger = load_detector(registry, run_id)
    dataset_version = challenger.card.dataset_version
    manifest = read_manifest(lake, dataset_version)

    def measure(detector: Detector) -> Report:
        return evaluate_detector(detector, lake, manifest, dataset_version=dataset_version)

    with registry.run("evaluate", params={}, run_id=run_id) as run:
        report = measure(challenger)
        int8 = _read_card(registry, run_id, INT8) is not None
        promotion.repair(registry)  # a champion that somebody moved by hand is in the history before it is used
        production = registry.resolve(PRODUCTION)
        champion = production if production is not None and production.run_id != run_id else None
        records = RunRecords(
            run_id=run_id,
            report=report,
            report_int8=measure(load_detector(registry, run_id, variant=INT8)) if int8 else None,
            champion=measure(load_detector(registry, champion.version)) if champion is not None else None,
            gallery=draw_gallery(challenger, lake, manifest, report),
        )
        records.save(run)
        # An erasure takes images out of the manifest first: what left it meanwhile may have been looked for in vain.
        there = read_manifest(lake, dataset_version, columns=("sha256",))
        records.erase(run, set(manifest["sha256"]) - set(there["sha256"]))
        run.log_metrics({tags.measured(name): report.overall[name].value for name in LOGGED_METRICS})


def decide_run(
    registry: Registry, lake: Lake, run_id: str, *, policy: Policy, dag_run_id: str = "", reason: str = ""
) -> Decision:
    """Apply the gate to an evaluated run, and register its detector with the outcome as tags, whatever the outcome.

    1. The int8 variant is registered if both it and the detector as trained pass. Otherwise the detector as trained is
       registered.
    2. decision.json, decision-int8.json, deciding.json and report.html are logged.
    3. The alias `candidate` is set if the gate passed. If only images are missing, the tag `gate` says that a person is
       asked.
    4. `reason`, why the detector was trained, becomes a tag of run and version.
    5. If another detector came into production since the evaluation, the run is evaluated again first.
    6. If the run's own detector is in production, its earlier decision is returned unchanged.
    7. The ledger counts the decision, unless it repeats one with the same images and limits.

    Raises RegistryError if the run was not evaluated.
    """
    production = registry.resolve(PRODUCTION)
    records = RunRecords.load(registry, run_id)
    if production is not None and production.run_id == run_id:
        if records.decision is not None:
            return records.decision
        production = None  # a detector is not compared with itself
    records = _compare_with(production, records, registry, lake)
    decided = _judge(records, production, policy, registry)
    decision = decided.require_decision()
    why = {tags.RETRAIN_REASON: reason} if reason else {}
    with registry.run("decide", params={}, tags=why, run_id=run_id) as run:
        decided.save_with_page(registry, run, since=records)
    told = _describe(decided, decision) | why
    card = read_card(registry, run_id, variant=decided.variant)
    told[tags.GIT_SHA] = card.git_revision
    told[tags.GATE_CHAMPION] = production.version if production is not None else tags.NOTHING
    if dag_run_id:
        told[tags.DAG_RUN_ID] = dag_run_id
    description = describe_training(card.trained_on)
    version = registry.register(run_id, tags=told, variant=decided.variant, description=description)
    if decision.promote:
        registry.set_alias(CANDIDATE, version.version)
    return decision


def promote_run(
    registry: Registry, run_id: str, *, reason: str, by: str = "", approved: bool = False, request: str = ""
) -> ModelVersion:
    """Put the detector of a run into production, once for each `request`; return the version in production.

    `by` names who asks, by default the DAG run that judged the detector. `approved` says that a person has agreed.
    Raises RegistryError unless the gate passed the detector against the version that is still in production, or asked a
    person who has agreed.
    """
    version = registry.find(run_id)
    if version is None:
        raise RegistryError(f"run {run_id} may not be promoted: the gate says 'not decided', not 'passed'")
    return promotion.promote(
        registry,
        version.version,
        reason=reason,
        by=by or version.tags.get(tags.DAG_RUN_ID, ""),
        approved=approved,
        judged_against=version.tags.get(tags.GATE_CHAMPION),
        request=request,
    )


def load_detector(registry: Registry, version_or_run_id: str, *, variant: str = FULL) -> Detector:
    """Load the detector of a version, or the given `variant` of a run; raises ArtifactError for a broken detector."""
    with tempfile.TemporaryDirectory() as aside:
        return Detector.load(registry.download(version_or_run_id, Path(aside), variant=variant))


def read_card(registry: Registry, run_id: str, *, variant: str = FULL) -> Card:
    """Read the card of a run's detector; raises RegistryError when the run holds none of that variant."""
    content = _read_card(registry, run_id, variant)
    if content is None:
        raise RegistryError(f"run {run_id} holds no detector '{variant}'")
    return Card.from_json(content)


def _read_card(registry: Registry, run_id: str, variant: str) -> bytes | None:
    return registry.read_file(run_id, f"{variant}/{CARD}", most_bytes=MOST_BYTES[CARD])


def _compare_with(champion: ModelVersion | None, records: RunRecords, registry: Registry, lake: Lake) -> RunRecords:
    """Return the records with the report on `champion`; evaluate the run again if their report is on another one."""
    records.require_report()
    if champion is None:
        return replace(records, champion=None)
    expected = read_card(registry, champion.run_id, variant=champion.variant).onnx_sha256
    if not _is_about(expected, records.champion):
        evaluate_run(registry, lake, records.run_id)
        records = RunRecords.load(registry, records.run_id)
    if not _is_about(expected, records.champion):
        raise RegistryError(f"production changed from version {champion.version} during the evaluation; decide again")
    return records


def _judge(records: RunRecords, champion: ModelVersion | None, policy: Policy, registry: Registry) -> RunRecords:
    """Return the records with the decision, and with the images that decided.

    Without a champion, no image chose the detector among others, so the list is empty.
    """
    if champion is None:
        return replace(records.judged_by(policy), deciding=DecidingImages(tags.NOTHING, 0, ()))
    predictions = records.require_report().predictions
    share = policy.champion.deciding_share
    deciding = choose_deciding(predictions, chose=_read_choosers(champion, registry), share=share)
    about = hashlib.sha256(f"{deciding.digest} {policy}".encode()).hexdigest()
    number = ledger.enter(registry, champion.version, ledger.Entry(records.run_id, about))
    listed = DecidingImages(champion.version, number, tuple(sorted(deciding.images)))
    return replace(records.judged_by(policy, deciding=deciding, number=number), deciding=listed)


def _read_choosers(champion: ModelVersion, registry: Registry) -> tuple[str, ...] | None:
    """Return the images that decided when `champion` was promoted; None if its run keeps no list of them."""
    found = registry.read_file(champion.run_id, DECIDING, most_bytes=DecidingImages.most_bytes)
    return None if found is None else DecidingImages.from_json(found).sha256


def _describe(decided: RunRecords, decision: Decision) -> dict[str, str]:
    """Return the tags of the registered version: dataset version, outcome of the gate, and metrics."""
    report = decided.require_report()
    return {
        tags.DATASET_VERSION: report.dataset_version,
        tags.ONNX_SHA256: report.onnx_sha256,
        tags.GATE: tags.PASSED if decision.promote else tags.ASKED if decision.ask else tags.FAILED,
        tags.GATE_REASON: decision.reason,
        tags.REPORT: PAGE,
    } | {tags.measured(name): f"{report.overall[name].value:.4f}" for name in LOGGED_METRICS}


def _is_about(onnx_sha256: str, report: Report | None) -> bool:
    return report is not None and report.onnx_sha256 == onnx_sha256
