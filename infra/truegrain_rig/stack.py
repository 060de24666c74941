"""Truegrain started by its own launcher in a folder of its own, on free ports, and stopped again."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("TRUEGRAIN_MLFLOW_PORT", "TRUEGRAIN_AIRFLOW_PORT", "TRUEGRAIN_SERVICE_PORT")
PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Stack:
    """A running Truegrain: the address of its service, how long `make up` took, what it said of itself at the end.

    It says nothing where `up` was another program. `settings` are those that a program needs to work on its lake and
    its registry.
    """

    service: str
    settings: Settings
    seconds: float
    summary: dict[str, Any]


@contextmanager
def running(
    *,
    source: str = "synthetic",
    recipe: str = "quick",
    home: Path | None = None,
    up: Sequence[str] = (),
    down: Sequence[str] = (),
    root: Path = ROOT,
    drift_seconds: float | None = None,
) -> Iterator[Stack]:
    """Start Truegrain with `up` (default: the launcher), yield it, and stop it whatever happens.

    Without a `home` it gets one of its own, which is gone afterwards.
    """
    up = up or (str(PYTHON), "-m", "truegrain_local.up")
    down = down or (str(PYTHON), "-m", "truegrain_local.down")
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as passing:
        home = home or Path(passing)
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        environment = {**os.environ, **ports, "TRUEGRAIN_HOME": str(home)}
        environment |= {"TRUEGRAIN_SOURCE": source, "TRUEGRAIN_RECIPE": recipe}
        environment |= {"TRUEGRAIN_DRIFT_SECONDS": str(drift_seconds)} if drift_seconds else {}
        try:
            begin = time.monotonic()
            subprocess.run(up, cwd=root, env=environment, check=True)
            seconds = round(time.monotonic() - begin, 1)
            told = home / "run" / "summary.json"
            summary = json.loads(told.read_text()) if told.exists() else {}
            mlflow, _, service = (f"http://127.0.0.1:{port}" for port in ports.values())
            settings = Settings.from_environment({"TRUEGRAIN_HOME": str(home), "TRUEGRAIN_TRACKING_URI": mlflow})
            yield Stack(service, settings, seconds, summary)
        finally:
            subprocess.run(down, cwd=root, env=environment, check=True)


def train(settings: Settings, dataset_version: str, overrides: Mapping[str, object]) -> str:
    """Train the quick recipe, so overridden, in a process of its own; return the id of the run."""
    command = [sys.executable, "-m", "model.training", "--dataset", dataset_version]
    command += [f"--set={key}={value}" for key, value in overrides.items()]
    surroundings = {"TRUEGRAIN_HOME": str(settings.home), "TRUEGRAIN_TRACKING_URI": settings.tracking_uri}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **surroundings}, stdout=subprocess.PIPE, text=True, check=True
    )
    return str(json.loads(done.stdout.splitlines()[-1])["run_id"])


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on now, all different."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
