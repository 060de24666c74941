"""Starts an empty MLflow server on SQLite and a free port."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model import TELEMETRY_OFF
from truegrain_rig.process import await_answer, free_ports, running

UNDER_GUNICORN = "--worker-class=gthread --threads=16 --no-control-socket"
"""Options of gunicorn with which MLflow serves its tracking server and registry alone.

Under uvicorn, the default, MLflow also serves an assistant and a gateway. The assistant runs a shell for anyone who
reaches the port from this machine. The gateway sends requests anywhere.
"""
GUARDED = f"{UNDER_GUNICORN} --config=infra/registry/gunicorn.conf.py"
"""Options of an MLflow that others reach, seen from the repository's folder. MLflow then keeps to its own files."""
QUIET = {**TELEMETRY_OFF, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
START_SECONDS = 200.0
"""The first start on a machine compiles and migrates; later starts take a twentieth of the time."""


@contextmanager
def running_mlflow(folder: Path, *, workers: int = 1) -> Iterator[str]:
    """Start a server that keeps everything in `folder`, yield its address, and always stop it."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", f"{folder}/artifacts", "--expose-prometheus", f"{folder}/metrics"]
    # A client that keeps its connection open would otherwise delay the end by gunicorn's 30 seconds.
    command += ["--gunicorn-opts", f"{UNDER_GUNICORN} --graceful-timeout=2"]
    with running(command, log=folder / "log", environment=QUIET, folder=folder) as server:
        await_answer(f"http://127.0.0.1:{port}/health", server, folder / "log", seconds=START_SECONDS)
        yield f"http://127.0.0.1:{port}"
