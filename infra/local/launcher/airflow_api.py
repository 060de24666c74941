"""The few calls of Airflow's REST API that `make up` needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import requests

from launcher.components import HOST, USER

TIMEOUT = 30.0
ENDED = ("success", "failed")
HEARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Task:
    """A task of a run. `state` is Airflow's word, 'none' before it is scheduled; `seconds` is None until it ended."""

    name: str
    state: str
    attempt: int
    seconds: float | None


def healthy(port: int) -> bool:
    """Tell whether every part of Airflow is up."""
    try:
        health = requests.get(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=TIMEOUT).json()
    except (requests.RequestException, ValueError):
        return False
    return all((health.get(part) or {}).get("status") == "healthy" for part in HEARTS)


class AirflowApi:
    """A signed-in client; every method raises requests.RequestException when Airflow refuses or does not answer."""

    def __init__(self, port: int, token: str) -> None:
        self._root = f"http://{HOST}:{port}/api/v2"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def sign_in(cls, port: int, password: str) -> Self:
        """Return a client for the user that `make up` created."""
        user = {"username": USER, "password": password}
        answer = requests.post(f"http://{HOST}:{port}/auth/token", json=user, timeout=TIMEOUT)
        answer.raise_for_status()
        return cls(port, answer.json()["access_token"])

    def dags(self) -> set[str]:
        """Return the ids of the DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self._get("/dags", limit=100)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """Return the DAG files that could not be read, each with its stack trace."""
        errors = self._get("/importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in errors}

    def trigger(self, dag: str, conf: Mapping[str, object]) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": dict(conf)}
        answer = self._session.post(f"{self._root}/dags/{dag}/dagRuns", json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def runs(self, dag: str) -> list[str]:
        """Return the ids of the latest runs, newest first."""
        return [
            run["dag_run_id"] for run in self._get(f"/dags/{dag}/dagRuns", order_by="-run_after", limit=20)["dag_runs"]
        ]

    def state(self, dag: str, run: str) -> str:
        """Return the state of a run: 'queued', 'running', 'success' or 'failed'."""
        return str(self._get(f"/dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> list[Task]:
        """Return the tasks of a run in the order in which they started; those that did not start come last."""
        found = self._get(f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        found.sort(key=lambda task: task["start_date"] or "~")
        return [Task(t["task_id"], t["state"] or "none", t["try_number"], t["duration"]) for t in found]

    def _get(self, path: str, **query: object) -> Any:
        answer = self._session.get(self._root + path, params={k: str(v) for k, v in query.items()}, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()
