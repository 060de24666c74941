"""An MLflow server of its own, on SQLite and a free port, empty at first."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model import TELEMETRY_OFF
from truegrain_rig.processes import await_answer
from truegrain_rig.stack import free_ports

QUIET = {**TELEMETRY_OFF, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
START_SECONDS = 200.0
"""The first start on a machine compiles and migrates; later ones take a twentieth."""


@contextmanager
def running_mlflow(folder: Path, *, workers: int = 1) -> Iterator[str]:
    """Start a server that keeps everything in `folder`, yield its address, and stop it whatever happens."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts", "--expose-prometheus", f"{folder}/metrics"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=os.environ | QUIET, start_new_session=True
        )
    try:
        await_answer(f"http://127.0.0.1:{port}/health", server, folder / "log", seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
