"""Ingests, trains and promotes on the drill's platform, with the same functions as the DAGs."""

import logging
from datetime import UTC, datetime

from expectations.dataset import validate
from model.dataset.contained.budget import Budget
from model.dataset.contained.reader import sources_of
from model.dataset.ingest import assemble, collect_part, plan, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.drill.record import Learnt
from model.evaluation.gate.policy import read_policy
from model.registry import connect
from model.retraining.steps import decide_run, evaluate_run, promote_run
from model.settings import Settings
from model.sources.web.reach import Reach
from truegrain_airflow import training_process

log = logging.getLogger("truegrain.drill")


def ingest(settings: Settings, *locations: str) -> str:
    """Ingest new images of the sources at `locations`, and accepted reports; return the published dataset version.

    The steps are those of `ingest_images`.
    """
    lake, now = Lake(settings.lake_url), datetime.now(UTC)
    reach, budget = Reach.of(settings), Budget.of(settings)
    sources = [source for location in locations for source in sources_of(location, reach=reach, budget=budget)]
    for part in plan(lake, sources, parts=1, reach=reach, budget=budget):
        log.info("%d images are new", collect_part(lake, part, now=now, reach=reach, budget=budget).added)
    version = validate(lake, assemble(lake, today=now.date())).version
    publish(lake, version)
    return version


def train(settings: Settings, dataset_version: str) -> str:
    """Train in a separate process, as `retrain_detector` does, and return the MLflow run."""
    return training_process.train(dataset_version, "", "{}", log=log.info, environment=settings.to_environment())


def judge(settings: Settings, run_id: str, dataset_version: str, *, reason: str) -> Learnt:
    """Evaluate a run, apply the gate, and promote the detector if it passes, as `retrain_detector` does."""
    registry, lake = connect(settings), Lake(settings.lake_url)
    evaluate_run(registry, lake, run_id)
    decision = decide_run(registry, lake, run_id, policy=read_policy(settings.gate_policy), reason=reason)
    log.info("%s", decision)
    if decision.promote:
        promote_run(registry, run_id, reason=reason)
    version = registry.find(run_id)
    return Learnt(
        dataset_version=dataset_version,
        images=len(read_manifest(lake, dataset_version, columns=("split",))),
        run_id=run_id,
        version=version.version if version else "",
        promoted=decision.promote,
        gate=decision.reason,
    )
