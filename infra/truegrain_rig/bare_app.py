"""A minimal Flask application for a detector: without limits, log and metrics, it answers a probability alone."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flask import Flask, Response, jsonify, request

from truegrain_rig.plain_judge import PlainDetector
from truegrain_rig.process import await_answer, free_ports, running

ARTIFACT: Final = "BARE_ARTIFACT"
START_SECONDS: Final = 60.0

_GUNICORN: Final = ("-m", "gunicorn", "--no-control-socket", "truegrain_rig.bare_app:create_app()")
_THREADS: Final = ("--worker-class", "gthread", "--threads", "8", "--keep-alive", "5")

SERVERS: Final = MappingProxyType(
    {
        "flask-sync": (*_GUNICORN, "--bind"),
        "flask-gthread": (*_GUNICORN, *_THREADS, "--bind"),
        "fastapi": ("-m", "truegrain_rig.bare_fastapi"),
    }
)
"""Arguments of Python for each bare server; its address and the number of its workers follow."""


def create_app() -> Flask:
    """Build the application; each worker loads the detector that the variable BARE_ARTIFACT names."""
    app = Flask(__name__)
    detector = PlainDetector(Path(os.environ[ARTIFACT]))

    @app.get("/")
    def alive() -> str:
        return "alive"

    @app.post("/predict")
    def predict() -> Response:
        return jsonify(probability=detector.judge(request.get_data()))

    return app


@contextmanager
def serving_bare(artifact: Path, *, workers: int, server: str = "flask-gthread") -> Iterator[str]:
    """Serve `artifact` with a bare server (a key of SERVERS); yields the address to POST an image to."""
    [port] = free_ports(1)
    command = [sys.executable, *SERVERS[server], *_address(server, port, workers)]
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        log = Path(folder) / "log"
        with running(command, log=log, environment={ARTIFACT: str(artifact)}) as process:
            await_answer(f"http://127.0.0.1:{port}/", process, log, seconds=START_SECONDS)
            yield f"http://127.0.0.1:{port}/predict"


def _address(server: str, port: int, workers: int) -> Sequence[str]:
    if server == "fastapi":
        return [str(port), str(workers)]
    return [f"127.0.0.1:{port}", "--workers", str(workers)]
