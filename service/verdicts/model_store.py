"""Keeps the detector of an alias loaded, and replaces it in one step when its pointer file names another version."""

import threading
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import structlog

from model.detectors.detector import Detector, Device
from model.detectors.signature import PublicKey, verify
from model.files import signature
from service.answers.verdict import ModelReference
from service.metrics.service import Metrics
from service.status.pointer import Alias, Pointer

STOP_SECONDS = 60.0
"""How long a detector that was replaced may go on with the requests that have it; a batch takes a few seconds."""

LOOK_SECONDS = 1.0
"""How often a worker looks at the pointer file; a look is one `stat`."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A version and its loaded detector, as one value, so that a request cannot mix two versions."""

    version: Pointer
    detector: Detector
    loaded_at: float
    """Seconds since the epoch."""

    @cached_property
    def reference(self) -> ModelReference:
        """How a verdict names this version."""
        trained_on = self.detector.card.trained_on
        return ModelReference(
            name=self.version.name,
            version=self.version.version,
            sha256=self.version.sha256,
            dataset_version=self.version.dataset_version,
            demonstration=trained_on is not None and trained_on.demonstration,
            trained_on="" if trained_on is None else trained_on.describe(),
        )


class ModelStore:
    """Keeps `current` up to date from its own thread; requests read `current`, and load only the first version.

    Production stays in service even without its pointer; a shadow ends when its pointer is deleted. With a `public_key`
    no file of a detector is parsed before its signature is verified, not even after a restart.
    """

    def __init__(
        self,
        pointer: Path,
        metrics: Metrics,
        *,
        alias: Alias = "production",
        public_key: PublicKey | None = None,
        device: Device = "cpu",
    ) -> None:
        self.device = device
        self.current: ServedModel | None = None
        self._pointer = pointer
        self._alias: Alias = alias
        self._metrics = metrics
        self._public_key = public_key
        self._seen: tuple[int, int, int] | None = None
        self._looking = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Load the last good detector, if there is one; then follow the pointer file until `stop`."""
        self.refresh()
        threading.Thread(target=self._follow, name=f"{self._alias}-store", daemon=True).start()

    def stop(self) -> None:
        """Stop following the pointer file; `current` stays."""
        self._stopped.set()

    def refresh(self) -> ServedModel | None:
        """Load the version that the pointer names, unless loading it was tried already; return `current`.

        A version that cannot be loaded is logged and counted, and the current one stays in service.
        """
        with self._looking:
            self._look()
            return self.current

    def _look(self) -> None:
        found = signature(self._pointer)
        if found == self._seen:
            return
        self._seen = found
        if found is None:
            self._lose()
            return
        try:
            self._replace(self._load())
        except Exception:  # a broken artifact may raise anything; the detector in service stays
            self._metrics.load_failures.inc()
            log.exception("detector refused", alias=self._alias, pointer=str(self._pointer))

    def _follow(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            self.refresh()

    def _load(self) -> ServedModel:
        version = Pointer.read(self._pointer)
        folder = self._pointer.parent / version.folder
        if self._public_key is not None:
            verify(folder, version.signature, self._public_key, name=version.name, version=version.version)
        detector = Detector.load(folder, device=self.device)
        if detector.device != self.device:
            log.warning("device not usable", wanted=self.device, used=detector.device, version=version.version)
        return ServedModel(version=version, detector=detector, loaded_at=time.time())

    def _replace(self, model: ServedModel) -> None:
        previous, self.current = self.current, model
        if previous is not None:
            _stop_later(previous.detector)
        self._metrics.model_loaded(self._alias, model.version, previous.version if previous else None)
        log.info("detector in service", alias=self._alias, version=model.version.version, sha256=model.version.sha256)

    def _lose(self) -> None:
        if self._alias == "shadow" and self.current is not None:
            self._metrics.model_dropped(self._alias, self.current.version)
            _stop_later(self.current.detector)
            log.info("shadow ended", version=self.current.version.version)
            self.current = None


def _stop_later(detector: Detector) -> None:
    """Let a rollback take a detector that never ends from the request, and the worker, that it holds."""
    timer = threading.Timer(STOP_SECONDS, detector.stop)
    timer.daemon = True
    timer.start()
