"""An MLflow server of its own, on SQLite and a free port, empty at first."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from figures.stack import free_ports

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
START_SECONDS = 200.0
"""The first start on a machine compiles and migrates; later ones take a twentieth."""


@contextmanager
def running_mlflow(folder: Path, *, workers: int = 1) -> Iterator[str]:
    """Start a server that keeps everything in `folder`, yield its address, and stop it whatever happens."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env=os.environ | QUIET, start_new_session=True
        )
    try:
        _await_health(server, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _await_health(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{address}/health", timeout=5).ok:
                return
        time.sleep(0.2)
    raise RuntimeError(f"no answer from {address}; the end of its log:\n{log.read_text()[-2000:]}")
