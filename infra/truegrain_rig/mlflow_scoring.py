"""Serves an artifact with `mlflow models serve`, for a comparison with the service."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from model.detectors import artifact
from model.registry.mlflow_model import pack
from truegrain_rig.mlflow_server import QUIET
from truegrain_rig.process import await_answer, free_ports, running

START_SECONDS = 120.0


@contextmanager
def scoring(folder: Path, photo: Path, *, workers: int) -> Iterator[tuple[str, Path]]:
    """Serve an artifact; yield the address to POST to, and a file with the body to send for `photo`.

    The server decodes no images, so the body holds the pixels that the detector sees, as JSON.
    """
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as passing:
        packed, body = Path(passing) / "model", Path(passing) / "pixels.json"
        pack(folder, packed)
        pixels = artifact.read(folder).preprocess.read(photo.read_bytes())
        body.write_text(json.dumps({"inputs": pixels[np.newaxis].tolist()}))
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(packed)]
        command += ["--env-manager", "local", "--port", str(port), "--workers", str(workers)]
        log = Path(passing) / "log"
        with running(command, log=log, environment=_environment(), stop_seconds=60) as server:
            await_answer(f"http://127.0.0.1:{port}/ping", server, log, seconds=START_SECONDS)
            yield f"http://127.0.0.1:{port}/invocations", body


def _environment() -> dict[str, str]:
    """Return variables with which mlflow finds uvicorn, which it starts by its name."""
    return {**QUIET, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
