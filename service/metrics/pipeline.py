"""The metrics of the pipeline, which the follower sets: datasets, the gate, times of the last events, the disk."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from model.retraining.pipeline_state import LakeState, RegistrySummary
from service.metrics.gauges import make_gauge


class PipelineMetrics:
    """Gauges of one process. After a restart of the follower, the values of the new process count.

    All gauges have labels, so that a series exists only once its value is known.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(make_gauge, self.registry)
        self._images = gauge(
            "dataset_images", "Images of the newest dataset version, by label and split", "label", "split"
        )
        self._validation = gauge(
            "dataset_validation",
            "1 for the outcome of the last validation of a dataset version, 0 for the other outcome",
            "outcome",
        )
        self._registered = gauge(
            "registered_versions", "Versions of the registered model, by the verdict of the gate", "gate"
        )
        self._refused_in_a_row = gauge(
            "gate_refused_in_a_row", "How many of the newest versions the gate refused in a row", "model"
        )
        self._happened = gauge(
            "pipeline_timestamp_seconds",
            "When an event last happened: a dataset version was validated or published, a detector was registered"
            " ('production': the detector in production), the disk, the lake or the registry was read",
            "event",
        )
        self._disk = gauge("disk_bytes", "Room on the disk of TRUEGRAIN_HOME, 'free' and 'total'", "room")

    def show_images(self, images: Mapping[tuple[str, str], int]) -> None:
        """Show how many images the newest dataset version has of each label in each split."""
        for (label, split), count in images.items():
            self._images.labels(label, split).set(count)

    def show_lake(self, state: LakeState) -> None:
        """Show when the lake last got a dataset version, and the outcome of its last validation."""
        self.note("published", state.published_at)
        self.note("validated", state.validated_at)
        if state.validation_passed is not None:
            self._validation.labels("passed").set(state.validation_passed)
            self._validation.labels("refused").set(not state.validation_passed)

    def show_registry(self, state: RegistrySummary, *, name: str) -> None:
        """Show the versions of the registered model `name`, and the gate's verdicts on them."""
        for gate, count in state.gates.items():
            self._registered.labels(gate).set(count)
        self._refused_in_a_row.labels(name).set(state.refused_in_a_row)
        self.note("registered", state.newest_at)
        self.note("production", state.production_at)

    def show_room(self, home: Path) -> None:
        """Show the size and the free room of the disk that holds `home`."""
        usage = shutil.disk_usage(home)
        self._disk.labels("free").set(usage.free)
        self._disk.labels("total").set(usage.total)

    def note(self, event: str, at: float | None) -> None:
        """Show when an event last happened, in seconds since the epoch; None: no time is known."""
        if at is not None:
            self._happened.labels(event).set(at)
