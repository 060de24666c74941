"""Runs the service under gunicorn with an artifact, without a registry."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from model.detectors import artifact
from service.status.pointer import Alias, Pointer, pointer_path
from truegrain_rig.process import await_answer, free_ports, running
from truegrain_rig.stack import ROOT

START_SECONDS = 60.0
NOBODY = "http://127.0.0.1:9"
"""Address of a registry that does not answer: the service goes on with the detector on its disk."""

BESIDE = {"service.sidecars.follower", "service.sidecars.monitor"}
"""The sidecars that gunicorn runs beside its workers."""


@dataclass(frozen=True)
class Service:
    """A running service: its address, its home, gunicorn's process, and the duration of its start."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    ready_seconds: float

    def workers(self) -> list[psutil.Process]:
        """Return gunicorn's workers, without the sidecars."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if not BESIDE & set(child.cmdline())]

    def worker_seconds(self) -> float:
        """Return the CPU seconds that the workers have used so far."""
        times = [worker.cpu_times() for worker in self.workers()]
        return sum(spent.user + spent.system for spent in times)


@contextmanager
def serving(folder: Path, *, workers: int = 2, app: str = "", **settings: object) -> Iterator[Service]:
    """Serve the artifact in `folder` with `settings` until the block ends; measure the time until it is ready.

    `app` names another application for gunicorn to serve, in place of the service.
    """
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as passing:
        home = Path(passing)
        point_at(home, folder, version="1")
        chosen = {"home": home, "service_port": port, "workers": workers, "tracking_uri": NOBODY, "poll_seconds": 60}
        variables = {f"TRUEGRAIN_{name.upper()}": str(value) for name, value in (chosen | settings).items()}
        command = [sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py"]
        command += [app] if app else []
        begin = time.perf_counter()
        with running(command, log=home / "log", environment=variables, folder=ROOT, stop_seconds=60) as process:
            await_answer(f"http://127.0.0.1:{port}/readyz", process, home / "log", seconds=START_SECONDS)
            yield Service(f"http://127.0.0.1:{port}", home, process, time.perf_counter() - begin)


def point_at(home: Path, folder: Path, *, version: str, alias: Alias = "production") -> Pointer:
    """Put an artifact behind an alias on this machine, as the follower does after a promotion; return its pointer."""
    card = artifact.read(folder)
    kept = pointer_path(home).parent / f"{version}-{card.onnx_sha256[:8]}"
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    pointer = Pointer(
        name=card.name,
        version=version,
        run_id=f"run-{version}",
        folder=kept.name,
        sha256=card.onnx_sha256,
        dataset_version=card.dataset_version,
    )
    pointer.write(pointer_path(home, alias))
    return pointer
