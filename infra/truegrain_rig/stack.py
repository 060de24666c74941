"""Starts Truegrain by its launcher in a separate home, on free ports, and stops it again."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from model.settings import Settings
from truegrain_airflow import training_process
from truegrain_rig.process import free_ports

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("TRUEGRAIN_MLFLOW_PORT", "TRUEGRAIN_AIRFLOW_PORT", "TRUEGRAIN_SERVICE_PORT")
PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Stack:
    """A running Truegrain: the address of its service, the duration of `make up`, and the summary that it wrote.

    `summary` is empty if another program than `make up` started the stack. With `settings` a program can use the lake
    and the registry of the stack.
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
    """Start Truegrain with `up` (default: the launcher), yield it, and always stop it.

    Without `home`, it gets a temporary home.
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
    """Train the quick recipe with `overrides` in a separate process; return the id of the run."""
    return training_process.train(
        dataset_version,
        "",
        json.dumps(overrides),
        log=partial(print, file=sys.stderr),
        environment={"TRUEGRAIN_HOME": str(settings.home), "TRUEGRAIN_TRACKING_URI": settings.tracking_uri},
    )
