"""Runs the main job once: ingests the images, retrains on them, and checks that a detector is in production."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model.dataset.lake import Lake
from model.registry import PRODUCTION, ModelVersion, connect
from model.registry.version_tags import measured
from model.settings import Settings
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.dag_run import follow, task_log
from truegrain_local.environment import names_source
from truegrain_local.errors import LaunchError
from truegrain_local.programs import logs
from truegrain_local.progress import Progress
from truegrain_local.refusal import Refusal, explain_refusal, find_refusal, look_up
from truegrain_local.start import require_alive

INGEST = "ingest_images"
RETRAIN = "retrain_detector"
EVENT_SECONDS = 60.0
"""How long the scheduler may take to start retraining after the dataset's event."""


@dataclass(frozen=True)
class Result:
    """The result of the loop: the version in production, and the refusal of the newest detector, if it was refused."""

    production: ModelVersion
    refusal: Refusal | None


def run_loop(api: AirflowApi, settings: Settings, progress: Progress) -> Result:
    """Ingest `settings.source`, retrain if there are new images, and return the result.

    If no source is named, Airflow chooses: naming the built-in source would ask for its images although the lake may
    hold others. Raises LaunchError when a task fails, or when no detector was good enough to be promoted.
    """
    before = set(api.runs(RETRAIN))
    form: dict[str, object] = {"source": settings.source} if names_source(settings) else {}
    ingested = run_dag(api, INGEST, form, settings, progress)
    trained = True
    if ingested.get("publish") == "success":
        _follow(api, RETRAIN, _await_run(api, before, progress), settings, progress)
    elif production(settings) is None:
        run_dag(api, RETRAIN, {}, settings, progress)
    else:
        trained = False
        progress.say("no new images, so nothing to train on")
    refusal = find_refusal(settings, trained=trained)
    return Result(_require_production(api, settings, progress, refusal), refusal)


def production(settings: Settings) -> ModelVersion | None:
    """Return the version with the registry's alias for production, or None."""
    return connect(settings).resolve(PRODUCTION)


def _require_production(
    api: AirflowApi, settings: Settings, progress: Progress, refusal: Refusal | None
) -> ModelVersion:
    version = production(settings)
    if version is None:
        why = f"\n{explain_refusal(refusal)}" if refusal is not None else ""
        raise LaunchError(f"no detector was promoted.{why}", _log_of(api, RETRAIN, "decide", settings))
    if refusal is not None:
        progress.say(f"version {refusal.refused.version} was refused; the reason is below the verdict")
    accuracy = version.tags.get(measured("accuracy"), "unknown")
    progress.say(f"version {version.version} is in production, its accuracy on test images was {accuracy};")
    progress.say(f"  {look_up(Lake(settings.lake_url), version)}")
    return version


def run_dag(
    api: AirflowApi, dag: str, conf: dict[str, object], settings: Settings, progress: Progress
) -> dict[str, str]:
    """Run a DAG to its end, as `follow` does, and return the state of every task by its title."""
    return _follow(api, dag, api.trigger(dag, conf), settings, progress)


def _follow(api: AirflowApi, dag: str, run: str, settings: Settings, progress: Progress) -> dict[str, str]:
    progress.say(f"{dag} started")
    check = partial(require_alive, settings)
    return follow(api, dag, run, logs=logs(settings), progress=progress, check=check)


def _await_run(api: AirflowApi, before: set[str], progress: Progress) -> str:
    """Return the run that the dataset's event starts."""
    try:
        progress.wait(f"{RETRAIN} starts", lambda: set(api.runs(RETRAIN)) > before, seconds=EVENT_SECONDS)
    except TimeoutError as error:
        raise LaunchError(f"a dataset was published, but {RETRAIN} did not start") from error
    return next(run for run in api.runs(RETRAIN) if run not in before)


def _log_of(api: AirflowApi, dag: str, task: str, settings: Settings) -> Path | None:
    run = api.runs(dag)[0]
    found = next((t for t in api.tasks(dag, run) if t.name == task), None)
    return task_log(logs(settings), dag, run, found) if found else None
