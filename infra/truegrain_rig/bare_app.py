"""A minimal Flask application for a detector: without limits, log and metrics, it answers a probability alone."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, Response, jsonify, request

from model.detectors.detector import Detector
from truegrain_rig.artifacts import judge
from truegrain_rig.process import await_answer, free_ports, running

ARTIFACT = "BARE_ARTIFACT"
START_SECONDS = 60.0


def create_app() -> Flask:
    """Build the application; each worker loads the detector that the variable BARE_ARTIFACT names."""
    app = Flask(__name__)
    detector = Detector.load(Path(os.environ[ARTIFACT]))

    @app.get("/")
    def alive() -> str:
        return "alive"

    @app.post("/predict")
    def predict() -> Response:
        return jsonify(probability=judge(detector, request.get_data()))

    return app


@contextmanager
def serving_bare(artifact: Path, *, workers: int) -> Iterator[str]:
    """Serve `artifact` with gunicorn's plain workers until the block ends; yields the address to POST an image to."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--workers", str(workers), "--bind", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "truegrain_rig.bare_app:create_app()"]
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        log = Path(folder) / "log"
        with running(command, log=log, environment={ARTIFACT: str(artifact)}) as server:
            await_answer(f"http://127.0.0.1:{port}/", server, log, seconds=START_SECONDS)
            yield f"http://127.0.0.1:{port}/predict"
