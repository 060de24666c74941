"""The few calls of Airflow's REST API that `make up` needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from truegrain_local.errors import LaunchError
from truegrain_local.programs import HOST, USER

TIMEOUT = 30.0
PATIENCE = Retry(
    4, backoff_factor=0.5, status_forcelist=[500, 502, 503, 504], allowed_methods=None, raise_on_status=False
)
"""On SQLite, Airflow's server may wait for itself. It wants to write who called while a task's request holds the file,
and this request needs the same thread to end. After API_LOCK_SECONDS the server gives up and answers 500."""

ENDED = ("success", "failed")
PAGE = 100
"""Most entries that Airflow lists at once by default."""

HEARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Task:
    """A task of a run. `state` is Airflow's word, 'none' before it is scheduled; `seconds` is None until it ended.

    A task that is mapped over parts is several tasks of one name, each with its `index` from 0.
    """

    name: str
    state: str
    attempt: int
    seconds: float | None
    index: int | None = None

    @property
    def title(self) -> str:
        """The task's name for people: 'collect', or 'collect 2', counted from 1."""
        return self.name if self.index is None else f"{self.name} {self.index + 1}"


def healthy(port: int) -> bool:
    """Return whether every part of Airflow is healthy."""
    try:
        health = requests.get(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=TIMEOUT).json()
    except (requests.RequestException, ValueError):
        return False
    return all((health.get(part) or {}).get("status") == "healthy" for part in HEARTS)


class AirflowApi:
    """A client for the user that `make up` created.

    A call is repeated a few times, since Airflow may be too busy to answer at once. Without an answer every method
    raises LaunchError, which names `log`.
    """

    def __init__(self, port: int, password: str, log: Path) -> None:
        self._root = f"http://{HOST}:{port}"
        self._log = log
        self._session = requests.Session()
        self._session.mount(self._root, HTTPAdapter(max_retries=PATIENCE))
        token = self._call("POST", "/auth/token", json={"username": USER, "password": password})["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def dags(self) -> set[str]:
        """Return the ids of the DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self._get("/dags", limit=100)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """Return the DAG files that could not be read, each with its stack trace."""
        errors = self._get("/importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in errors}

    def trigger(self, dag: str, conf: Mapping[str, object]) -> str:
        """Start a run and return its id. The id is chosen here, so that a repeated call starts no second run."""
        run = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run, "logical_date": None, "conf": dict(conf)}
        self._call("POST", f"/api/v2/dags/{dag}/dagRuns", accept=HTTPStatus.CONFLICT, json=body)
        return run

    def runs(self, dag: str) -> list[str]:
        """Return the ids of the latest runs, newest first."""
        return [
            run["dag_run_id"] for run in self._get(f"/dags/{dag}/dagRuns", order_by="-run_after", limit=20)["dag_runs"]
        ]

    def state(self, dag: str, run: str) -> str:
        """Return the state of a run: 'queued', 'running', 'success' or 'failed'."""
        return str(self._get(f"/dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> list[Task]:
        """Return the tasks of a run in the order in which they started, then the tasks that did not start."""
        found = self._all(f"/dags/{dag}/dagRuns/{run}/taskInstances", "task_instances")
        found.sort(key=lambda task: task["start_date"] or "~")
        return [_task(entry) for entry in found]

    def _all(self, path: str, what: str) -> list[dict[str, Any]]:
        """Return all entries of a list that comes in pages."""
        entries: list[dict[str, Any]] = []
        while True:
            page = self._get(path, limit=PAGE, offset=len(entries))[what]
            entries += page
            if len(page) < PAGE:
                return entries

    def _get(self, path: str, **query: object) -> Any:
        return self._call("GET", f"/api/v2{path}", params=query)

    def _call(self, method: str, path: str, *, accept: HTTPStatus | None = None, **details: Any) -> Any:
        try:
            answer = self._session.request(method, self._root + path, timeout=TIMEOUT, **details)
            if answer.status_code != accept:
                answer.raise_for_status()
        except requests.RequestException as error:
            raise LaunchError(f"Airflow does not answer as it should: {error}", self._log) from error
        return answer.json()


def _task(entry: Mapping[str, Any]) -> Task:
    index = entry["map_index"] if entry["map_index"] >= 0 else None
    return Task(entry["task_id"], entry["state"] or "none", entry["try_number"], entry["duration"], index)
