"""A running Truegrain for end-to-end tests, and load on its service."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from model.settings import Settings
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.programs import seed_password
from truegrain_rig.busy_clients import asking

Wait = Callable[[Callable[[], bool]], None]


@dataclass(frozen=True)
class Stack:
    """A running Truegrain, and the output of its `up`."""

    settings: Settings
    output: str

    @property
    def service(self) -> str:
        return f"http://127.0.0.1:{self.settings.service_port}"

    def airflow(self) -> AirflowApi:
        return AirflowApi(self.settings.airflow_port, seed_password(self.settings), self.settings.home / "logs")

    def finish(self, dag: str, run: str) -> str:
        """Wait for the end of a run and return its state."""
        api = self.airflow()
        until(lambda: api.state(dag, run) in {"success", "failed"}, seconds=240)
        return api.state(dag, run)

    def run(self, dag: str, conf: dict[str, object]) -> str:
        """Trigger a DAG and return the final state of its run."""
        return self.finish(dag, self.airflow().trigger(dag, conf))

    def await_question(self, dag: str, run: str) -> None:
        """Wait until a run asks for approval."""
        api = self.airflow()
        until(lambda: _approval(api, dag, run) == "awaiting_input", seconds=240)

    def approve(self, dag: str, run: str) -> None:
        """Approve whenever the run asks, until it goes on.

        Airflow 3.3 loses an answer that arrives before its scheduler knows that the task has paused. On a busy machine
        this takes more than five seconds. Airflow asks again a minute later. A person is never that fast.
        """
        api, question = self.airflow(), f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"

        def went_on() -> bool:
            state = _approval(api, dag, run)
            if state == "awaiting_input" and not api._call("GET", question)["response_received"]:
                time.sleep(15)
                api._call("PATCH", question, json={"chosen_options": ["Approve"], "params_input": {}})
            return state in {"success", "failed", "skipped"}

        until(went_on, seconds=300)

    @contextmanager
    def airflow_locked(self, *, seconds: float) -> Iterator[None]:
        """Lock Airflow's database against writes for so many seconds; the block runs meanwhile."""
        existing = f"file:{self.settings.home}/airflow/airflow.db?mode=rw"
        with closing(sqlite3.connect(existing, uri=True, check_same_thread=False)) as database:
            database.execute("BEGIN IMMEDIATE")
            unlock = threading.Timer(seconds, database.rollback)
            unlock.start()
            try:
                yield
            finally:
                unlock.join()

    def served(self) -> str:
        return str(requests.get(f"{self.service}/model", timeout=10).json()["version"])


@dataclass
class Load:
    """The answers to a stream of requests, each as (status, model version)."""

    answers: list[tuple[int, str]] = field(default_factory=list)


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.5)


@contextmanager
def load(stack: Stack, image: bytes, *, clients: int = 2) -> Iterator[Load]:
    """Send images for verdicts without a pause, from several clients, while the block runs."""
    seen = Load()

    def ask() -> None:
        answer = requests.post(f"{stack.service}/predict", files={"file": image}, timeout=30)
        version = answer.json()["model"]["version"] if answer.ok else answer.text
        seen.answers.append((answer.status_code, version))
        time.sleep(0.05)

    with asking(ask, clients=clients):
        yield seen


def _approval(api: AirflowApi, dag: str, run: str) -> str:
    return {task.name: task.state for task in api.tasks(dag, run)}["approve"]


def launch(program: str, settings: Settings, *, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"truegrain_local.{program}"]
    environment = os.environ | settings.to_environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)


def processes_of(home: Path) -> list[psutil.Process]:
    """Return every process whose environment names `home`."""

    def belongs(process: psutil.Process) -> bool:
        try:
            return process.environ().get("TRUEGRAIN_HOME") == str(home)
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if belongs(process)]
