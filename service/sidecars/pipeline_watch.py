"""Keeps the metrics of the pipeline up to date, from the registry, the lake and the disk.

The follower runs the watch, since the workers load no client of the registry.
"""

import threading
import time
from pathlib import Path
from typing import Final, Protocol

import structlog

from model.dataset.lake import Lake
from model.registry import PRODUCTION, ModelVersion, connect
from model.retraining.pipeline_state import count_images, survey_lake, survey_registry
from model.settings import Settings
from service.metrics.pipeline import PipelineMetrics

LOOK_SECONDS: Final = 600.0
"""Seconds between two looks. A person cannot act faster, and every host of a fleet asks the registry."""

log = structlog.get_logger(__name__)


class Listing(Protocol):
    """What the watch needs of the registry."""

    def versions(self) -> list[ModelVersion]:
        """Return all versions."""

    def resolve(self, alias_or_version: str) -> ModelVersion | None:
        """Return the version behind an alias, None when the alias is not set."""


class PipelineWatch:
    """Looks at the pipeline every LOOK_SECONDS in its own thread: a lake that hangs must not delay a promotion."""

    def __init__(self, registry: Listing, lake: Lake, home: Path, metrics: PipelineMetrics, *, name: str) -> None:
        self._registry = registry
        self._lake = lake
        self._home = home
        self._metrics = metrics
        self._name = name
        self._counted: str | None = None

    def start(self) -> None:
        """Start the thread, which looks for as long as the process lives."""
        threading.Thread(target=self._look_for_ever, name="pipeline-watch", daemon=True).start()

    def look(self) -> None:
        """Look once. A source that cannot be reached keeps its last values and the time of its last reading."""
        looks = {
            "disk_read": self._look_at_disk,
            "lake_read": self._look_at_lake,
            "registry_read": self._look_at_registry,
        }
        for event, look in looks.items():
            try:
                look()
                self._metrics.note(event, time.time())
            except Exception as error:  # a file system may raise anything, and the next look may succeed
                log.warning("pipeline out of sight", what=event, cause=str(error))

    def _look_for_ever(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_SECONDS)

    def _look_at_disk(self) -> None:
        self._metrics.show_room(self._home)

    def _look_at_lake(self) -> None:
        state = survey_lake(self._lake)
        self._metrics.show_lake(state)
        if state.latest is not None and state.latest != self._counted:
            self._metrics.show_images(count_images(self._lake, state.latest))
            self._counted = state.latest

    def _look_at_registry(self) -> None:
        state = survey_registry(self._registry.versions(), self._registry.resolve(PRODUCTION))
        self._metrics.show_registry(state, name=self._name)


def watch_pipeline(settings: Settings) -> PipelineWatch:
    """Return the watch over the registry, lake and home that `settings` name."""
    lake = Lake(settings.lake_url)
    return PipelineWatch(connect(settings), lake, settings.home, PipelineMetrics(), name=settings.model_name)
