"""The least that Flask and gunicorn can do with a detector: no limits, no log, no metrics, no answer but a number."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, Response, jsonify, request

from model.detectors.detector import Detector
from truegrain_rig.artifacts import judge
from truegrain_rig.processes import await_answer
from truegrain_rig.stack import free_ports

ARTIFACT = "BARE_ARTIFACT"
START_SECONDS = 60.0


def create_app() -> Flask:
    """Build the application; each worker loads the detector that the environment names."""
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
        with log.open("wb") as output:
            server = subprocess.Popen(
                command, env=os.environ | {ARTIFACT: str(artifact)}, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            await_answer(f"http://127.0.0.1:{port}/", server, log, seconds=START_SECONDS)
            yield f"http://127.0.0.1:{port}/predict"
        finally:
            server.terminate()
            server.wait(30)
