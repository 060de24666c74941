"""Airflow without a scheduler: it reads the DAGs, shows its pages and creates runs, which stay queued."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from model.settings import Settings
from truegrain_local.airflow_api import AirflowApi
from truegrain_local.environment import ROOT
from truegrain_local.errors import LaunchError
from truegrain_local.processes import Record, alive, start, stop
from truegrain_local.programs import HOST, components, logs, migration, seed_password
from truegrain_rig.process import free_ports

PARTS = ("airflow-api-server", "airflow-dag-processor")
DAGS = frozenset(file.stem for file in (ROOT / "dags").glob("*.py"))
_START_SECONDS = 180


@dataclass(frozen=True)
class IdleAirflow:
    """The address of an Airflow, the password of its user, and a client of its API."""

    address: str
    password: str
    api: AirflowApi

    def fields(self, dag: str) -> dict[str, Any]:
        """Return the fields of a DAG's trigger form, each with `schema`, `description` and first `value`."""
        fields: dict[str, Any] = self.api._call("GET", f"/api/v2/dags/{dag}/details")["params"]
        return fields

    def sent(self, dag: str, run: str) -> dict[str, Any]:
        """Return the values of the form that triggered a run."""
        sent: dict[str, Any] = self.api._call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["conf"]
        return sent


@contextmanager
def idle_airflow(home: Path) -> Iterator[IdleAirflow]:
    """Run Airflow as `make up` does, without the parts that run tasks; yield once every DAG has been read."""
    (port,) = free_ports(1)
    settings = Settings(home=home, airflow_port=port)
    password = seed_password(settings)
    migrating = start(migration(settings), logs(settings))
    assert psutil.Process(migrating.pid).wait(_START_SECONDS) == 0, Path(migrating.log).read_text()
    started: list[Record] = []
    try:
        started.extend(start(part, logs(settings)) for part in components(settings) if part.name in PARTS)
        end = time.monotonic() + _START_SECONDS
        while (api := _client(port, password, home)) is None or api.dags() != DAGS:
            for record in started:
                assert alive(record), Path(record.log).read_text()
            assert time.monotonic() < end, f"not all DAGs were read within {_START_SECONDS} s; see {logs(settings)}"
            time.sleep(0.5)
        yield IdleAirflow(f"http://{HOST}:{port}", password, api)
    finally:
        stop(started)


def _client(port: int, password: str, log: Path) -> AirflowApi | None:
    try:
        return AirflowApi(port, password, log)
    except LaunchError:
        return None
