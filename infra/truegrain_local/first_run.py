"""The main job, once: ingest the images, retrain on them, and see that a detector is in production."""

from functools import partial
from pathlib import Path

from model.registry import PRODUCTION, ModelVersion, connect
from model.registry.version_tags import measured
from model.settings import Settings
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.dag_run import follow, task_log
from truegrain_local.errors import LaunchError
from truegrain_local.programs import logs
from truegrain_local.progress import Progress
from truegrain_local.start import require_alive

INGEST = "ingest_images"
RETRAIN = "retrain_detector"
EVENT_SECONDS = 60.0
"""How long the scheduler may take to start retraining after the dataset's event."""


def run_loop(api: AirflowApi, settings: Settings, progress: Progress) -> ModelVersion:
    """Ingest `settings.source`, retrain when that brought anything new, and return the version in production.

    Raises LaunchError when a task fails or no detector was good enough to be promoted.
    """
    before = set(api.runs(RETRAIN))
    ingested = run_dag(api, INGEST, {"source": settings.source}, settings, progress)
    if ingested.get("publish") == "success":
        retrained = _follow(api, RETRAIN, _await_run(api, before, progress), settings, progress)
    elif production(settings) is None:
        retrained = run_dag(api, RETRAIN, {}, settings, progress)
    else:
        retrained = {}
        progress.say(f"nothing new in {settings.source}, nothing to train")
    return _require_production(api, settings, progress, refused=retrained.get("promote") == "skipped")


def production(settings: Settings) -> ModelVersion | None:
    """Return the version that the registry calls production, or None."""
    return connect(settings).resolve(PRODUCTION)


def _require_production(api: AirflowApi, settings: Settings, progress: Progress, *, refused: bool) -> ModelVersion:
    version = production(settings)
    if version is None:
        raise LaunchError(
            "no detector was promoted: the gate refused it, or a person did", _log_of(api, RETRAIN, "decide", settings)
        )
    if refused:
        progress.say("the new detector was refused, by the gate or by a person")
    accuracy = version.tags.get(measured("accuracy"), "unknown")
    progress.say(f"version {version.version} is in production, its accuracy on test images is {accuracy}")
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
