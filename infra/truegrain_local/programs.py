"""The programs that make up Truegrain on one machine, each with its command and its environment."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model import TELEMETRY_OFF
from model.settings import Settings
from truegrain_local.environment import PATIENT_WITH_MLFLOW, ROOT
from truegrain_rig.mlflow_server import GUARDED

USER = "admin"
HOST = "127.0.0.1"
"""Where all listen, and where a browser is sent; it looks for `localhost` at ::1 first, where others may listen."""
ALLOWED_HOSTS = "localhost:*,127.0.0.1:*"
"""Host names that MLflow answers to. MLflow's default contains 10.*, which a host name on the internet may match."""
BIN = Path(sys.executable).parent
LOCK_SECONDS = 60
"""How long the parts of Airflow wait for a lock on the SQLite file; a longer wait ends the scheduler."""
API_LOCK_SECONDS = 5
"""How long Airflow's server waits for such a lock. It may wait for itself (see `airflow_api`), without answering."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """A program to start: `command` runs in the repository's folder, its output goes to `<home>/logs/<name>.log`.

    `port` is the port that it listens on, if any; the variable `setting` chooses another port.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int | None = None
    setting: str = ""


def components(settings: Settings) -> tuple[Component, ...]:
    """Return the long-running programs in the order in which they are started."""
    airflow = _airflow_environment(settings)
    return (
        Component(
            name="mlflow",
            command=_mlflow_command(settings),
            environment=_mlflow_environment(settings),
            port=settings.mlflow_port,
            setting="TRUEGRAIN_MLFLOW_PORT",
        ),
        Component(
            name="service",
            command=_service_command(),
            environment=_shared_environment(settings),
            port=settings.service_port,
            setting="TRUEGRAIN_SERVICE_PORT",
        ),
        Component(
            name="airflow-api-server",
            command=_airflow("api-server"),
            environment=airflow | _airflow_database(settings, API_LOCK_SECONDS),
            port=settings.airflow_port,
            setting="TRUEGRAIN_AIRFLOW_PORT",
        ),
        Component(name="airflow-scheduler", command=_airflow("scheduler", "--skip-serve-logs"), environment=airflow),
        Component(name="airflow-dag-processor", command=_airflow("dag-processor"), environment=airflow),
        Component(name="airflow-triggerer", command=_airflow("triggerer", "--skip-serve-logs"), environment=airflow),
    )


def migration(settings: Settings) -> Component:
    """Return the program that creates or upgrades Airflow's database; it must end before Airflow starts."""
    return Component(
        name="airflow-migrate", command=_airflow("db", "migrate"), environment=_airflow_environment(settings)
    )


def logs(settings: Settings) -> Path:
    """Return the folder that holds a log for each program, and Airflow's task logs under `tasks`."""
    return settings.home / "logs"


def seed_password(settings: Settings) -> str:
    """Return the password of Airflow's user; the first call makes and stores it, so that it can be shown again."""
    path = _password_file(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({USER: secrets.token_urlsafe(9)}))
    return str(json.loads(path.read_text())[USER])


def _password_file(settings: Settings) -> Path:
    return settings.home / "airflow" / "passwords.json"


def _shared_environment(settings: Settings) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**TELEMETRY_OFF, **os.environ, **settings.to_environment(), "PATH": path, "PYTHONUNBUFFERED": "1"}


def _mlflow_command(settings: Settings) -> tuple[str, ...]:
    home = settings.home / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    return (
        str(BIN / "mlflow"),
        "server",
        *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
        *("--artifacts-destination", str(home / "artifacts")),
        *("--host", HOST, "--port", str(settings.mlflow_port)),
        *("--workers", "1"),
        *("--gunicorn-opts", GUARDED),
    )


def _mlflow_environment(settings: Settings) -> dict[str, str]:
    return {
        **_shared_environment(settings),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ALLOWED_HOSTS,  # the option of that name goes with uvicorn alone
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _service_command() -> tuple[str, ...]:
    return (str(BIN / "gunicorn"), "--config", str(ROOT / "service" / "gunicorn.conf.py"))


def _airflow(*arguments: str) -> tuple[str, ...]:
    return (str(BIN / "airflow"), *arguments)


def _airflow_environment(settings: Settings) -> dict[str, str]:
    port = settings.airflow_port
    at_once = str(max(2, os.cpu_count() or 1))  # ingestion has a task for each core
    options = {
        # Not localhost: browsers ask [::1] first, where another user of this machine may listen on the same port.
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": at_once,
        "AIRFLOW__CORE__PARALLELISM": at_once,
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs(settings) / "tasks"),
        "AIRFLOW_HOME": str(settings.home / "airflow"),
        **_airflow_database(settings, LOCK_SECONDS),
        **PATIENT_WITH_MLFLOW,
    }
    return {**_shared_environment(settings), **options}


def _airflow_database(settings: Settings, lock_seconds: int) -> dict[str, str]:
    file = settings.home / "airflow" / "airflow.db"
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{file}?timeout={lock_seconds}"}
