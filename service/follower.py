"""Follows the registry: fetches the version in production and points the workers to it.

A process of its own, `python -m service.follower`, so that the workers never wait for the registry nor load its client.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import structlog

from model.detector import Detector
from model.errors import ArtifactError, RegistryError, RegistryUnavailable
from model.registry import PRODUCTION, ModelVersion, connect
from model.settings import Settings
from service.logs import configure_logging
from service.metrics import Metrics
from service.pointer import Pointer, pointer_path

KEPT: Final = 2
"""Folders left on disk: the version in production, and the one before it for workers that have not switched yet."""

LONGEST_PAUSE: Final = 300.0
"""Most seconds between attempts at a version that was refused; the first pause is one poll, each next one doubles."""

Outcome = Literal["current", "switched", "absent", "refused", "unavailable"]

log = structlog.get_logger("service.follower")


class Versions(Protocol):
    """What the follower needs of the registry."""

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        """Return the version behind an alias, None when there is none."""

    def download(self, version_or_run_id: str, into: Path) -> Path:
        """Fetch a version's artifact under `into` and return its folder."""


@dataclass(frozen=True)
class _Refused:
    run_id: str
    pause: float
    until: float


class Follower:
    """Brings the version in production to this machine, one `step` at a time."""

    def __init__(
        self,
        versions: Versions,
        pointer: Path,
        metrics: Metrics,
        *,
        poll_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._versions = versions
        self._pointer = pointer
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._verified: Pointer | None = None
        self._refused: _Refused | None = None
        self._outcome: Outcome | None = None

    def step(self) -> Outcome:
        """Ask the registry once and act on the answer; a registry or version at fault is an outcome, no exception."""
        outcome = self._follow()
        self._metrics.polls.labels(outcome).inc()
        if outcome != self._outcome:
            log.info("registry asked", outcome=outcome, before=self._outcome)
        self._outcome = outcome
        return outcome

    def _follow(self) -> Outcome:
        try:
            wanted = self._versions.resolve(PRODUCTION)
        except RegistryError as error:
            log.debug("registry unavailable", reason=str(error))
            return "unavailable"
        if wanted is None:
            return "absent"
        return "current" if self._have(wanted) else self._take(wanted)

    def _have(self, wanted: ModelVersion) -> bool:
        try:
            pointer = Pointer.read(self._pointer)
            if (pointer.version, pointer.run_id) != (wanted.version, wanted.run_id):
                return False
            if pointer != self._verified:  # once in our life: the disk may have been harmed before it
                Detector.load(self._pointer.parent / pointer.folder)
                self._verified = pointer
        except (ArtifactError, OSError):
            return False
        return True

    def _take(self, wanted: ModelVersion) -> Outcome:
        refused = self._refused if self._refused and self._refused.run_id == wanted.run_id else None
        if refused and self._clock() < refused.until:
            return "refused"
        try:
            self._verified = self._fetch(wanted)
        except RegistryUnavailable:
            return "unavailable"
        except Exception:  # whatever a broken artifact provokes, the version in service goes on and so do we
            pause = min(refused.pause * 2, LONGEST_PAUSE) if refused else self._poll_seconds
            self._refused = _Refused(wanted.run_id, pause, self._clock() + pause)
            self._metrics.load_failures.inc()
            log.exception("version refused", version=wanted.version, next_attempt_seconds=pause)
            return "refused"
        self._refused = None
        return "switched"

    def _fetch(self, wanted: ModelVersion) -> Pointer:
        models = self._pointer.parent
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models, prefix=".fetching-") as scratch:
            fetched = self._versions.download(wanted.version, Path(scratch) / "artifact")
            card = Detector.load(fetched).card
            if (promised := wanted.tags.get("onnx_sha256", card.onnx_sha256)) != card.onnx_sha256:
                raise ArtifactError(f"version {wanted.version} is {card.onnx_sha256}, the registry promised {promised}")
            folder = models / f"{wanted.version}-{card.onnx_sha256[:8]}"
            shutil.rmtree(folder, ignore_errors=True)  # it is there only if it was found broken
            fetched.rename(folder)
        pointer = Pointer(
            name=wanted.name,
            version=wanted.version,
            run_id=wanted.run_id,
            folder=folder.name,
            sha256=card.onnx_sha256,
            dataset_version=card.dataset_version,
        )
        pointer.write(self._pointer)
        _prune(models, in_service=folder)
        return pointer


def _prune(models: Path, *, in_service: Path) -> None:
    """Delete what is older than the last KEPT folders, and what an interrupted fetch left behind."""
    others = [path for path in models.iterdir() if path.is_dir() and path != in_service]
    others.sort(key=lambda path: (not path.name.startswith("."), path.stat().st_mtime), reverse=True)
    for folder in others[KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Follow the registry until the process is told to end or its parent, whose id is the argument, is gone.

    Told by argument, for a parent that dies while this process is still importing has already been replaced.
    """
    configure_logging()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings.from_environment(os.environ)
    follower = Follower(connect(settings), pointer_path(settings.home), Metrics(), poll_seconds=settings.poll_seconds)
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
    while os.getppid() == parent:
        follower.step()
        time.sleep(settings.poll_seconds)


if __name__ == "__main__":
    main()
