"""Starts all programs, and checks that they answer."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import requests

from model.settings import Settings
from truegrain_local.airflow_api import AirflowApi, healthy
from truegrain_local.errors import LaunchError
from truegrain_local.processes import (
    Record,
    alive,
    keep_private,
    listens,
    read_records,
    require_free_ports,
    start,
    stop,
    write_records,
)
from truegrain_local.programs import HOST, components, logs, migration, seed_password
from truegrain_local.progress import Progress

START_SECONDS = 180.0
DAGS = {"drill_new_generator", "ingest_images", "retrain_detector"}
PER_CALL = {"TRUEGRAIN_SOURCE"}
"""Settings that may differ between two calls of `make up` on the same programs."""


def records_path(home: Path) -> Path:
    """Return the path of the file that lists the programs that were started."""
    return home / "run" / "processes.json"


def bring_up(settings: Settings, progress: Progress) -> AirflowApi:
    """Start every program that does not run yet, wait until all answer, and return a signed-in client of Airflow.

    Raises LaunchError naming the log to read, the port that is taken, or a home that belongs to another user.
    """
    keep_private(settings.home)
    path = records_path(settings.home)
    running = find_running(settings, progress)
    names = {record.name for record in running}
    missing = [component for component in components(settings) if component.name not in names]
    if running:
        progress.say(f"already running: {', '.join(sorted(names))}")
    require_free_ports(missing)
    password = seed_password(settings)
    if any(component.name.startswith("airflow") for component in missing):
        _migrate(settings, progress)
    for component in missing:
        running.append(start(component, logs(settings)))
        write_records(path, running)
    _settings_path(settings).write_text(_for_comparison(settings))
    wait_until_well(settings, progress)
    api = AirflowApi(settings.airflow_port, password, logs(settings) / "airflow-api-server.log")
    _wait_for_dags(api, settings, progress)
    return api


def find_running(settings: Settings, progress: Progress) -> list[Record]:
    """Return the programs that were started and still run; end the remaining processes of programs that died.

    Raises LaunchError when the running programs were started with other settings.
    """
    records = read_records(records_path(settings.home))
    running = [record for record in records if alive(record)]
    if running:
        _require_same_settings(settings)
    for record in records:
        if record not in running and (ended := stop([record])):
            what = "1 process behind; it was stopped" if ended == 1 else f"{ended} processes behind; they were stopped"
            progress.say(f"{record.name} had died and left {what}")
    return running


def require_alive(settings: Settings) -> None:
    """Raise LaunchError when a program that was started has ended."""
    for record in read_records(records_path(settings.home)):
        if not alive(record):
            raise LaunchError(f"{record.name} ended by itself", Path(record.log))


def _migrate(settings: Settings, progress: Progress) -> None:
    record = start(migration(settings), logs(settings))
    process = psutil.Process(record.pid)
    progress.wait("Airflow's database", lambda: not alive(record), seconds=START_SECONDS)
    if process.wait(timeout=5) != 0:
        raise LaunchError("Airflow's database could not be prepared", Path(record.log))
    progress.say("Airflow's database is ready")


def wait_until_well(settings: Settings, progress: Progress) -> None:
    """Wait for answers of these programs alone: another user may take a port before its program does.

    Whoever answers as Airflow gets its password next. Raises LaunchError if one ends or does not answer in time.
    """
    records = {record.name: record for record in read_records(records_path(settings.home))}
    checks: tuple[tuple[str, str, int, Callable[[int], bool]], ...] = (
        ("MLflow", "mlflow", settings.mlflow_port, partial(_answers, path="/health")),
        ("service", "service", settings.service_port, partial(_answers, path="/healthz")),
        ("Airflow", "airflow-api-server", settings.airflow_port, healthy),
    )
    for what, name, port, check in checks:
        own = partial(_is_well, records[name], port, check)
        _wait(f"{what} answers on port {port}", own, settings, progress)


def _is_well(record: Record, port: int, check: Callable[[int], bool]) -> bool:
    return listens(record, port) and check(port)


def _wait_for_dags(api: AirflowApi, settings: Settings, progress: Progress) -> None:
    def read() -> bool:
        for file, trace in api.import_errors().items():
            raise LaunchError(f"Airflow cannot read {file}: {trace.strip().splitlines()[-1]}")
        return api.dags() >= DAGS

    _wait("DAGs are read", read, settings, progress)


def _wait(what: str, check: Callable[[], bool], settings: Settings, progress: Progress) -> None:
    def ready() -> bool:
        require_alive(settings)
        return check()

    try:
        progress.wait(what, ready, seconds=START_SECONDS)
    except TimeoutError as error:
        raise LaunchError(str(error), logs(settings)) from error
    progress.say(what)


def _answers(port: int, path: str) -> bool:
    try:
        return requests.get(f"http://{HOST}:{port}{path}", timeout=5).ok
    except requests.RequestException:
        return False


def _require_same_settings(settings: Settings) -> None:
    path = _settings_path(settings)
    if path.exists() and path.read_text() != _for_comparison(settings):
        raise LaunchError("Truegrain already runs with other settings; stop it first with `make down`")


def _settings_path(settings: Settings) -> Path:
    return settings.home / "run" / "settings"


def _for_comparison(settings: Settings) -> str:
    given = settings.to_environment().items()
    return "\n".join(f"{name}={value}" for name, value in given if name not in PER_CALL)
