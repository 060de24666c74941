"""The metrics about the pipeline, which the follower sets: datasets, the gate, when things last happened, the disk."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from model.retraining.pipeline_state import LakeState, RegistrySummary
from service.metrics.gauges import make_gauge


class PipelineMetrics:
    """Gauges of one process; those of a follower that was restarted take over from those of the one before.

    All have labels, so that a series exists only once something is known.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(make_gauge, self.registry)
        self._images = gauge(
            "dataset_images", "Images of the newest dataset version, by label and split", "label", "split"
        )
        self._validation = gauge(
            "dataset_validation",
            "1 for the outcome of the last validation of a dataset version, 0 for the other",
            "outcome",
        )
        self._registered = gauge(
            "registered_versions", "Versions of the registered model, by what the gate said of them", "gate"
        )
        self._refused_in_a_row = gauge(
            "gate_refused_in_a_row", "Newest versions that the gate refused one after the other", "model"
        )
        self._happened = gauge(
            "pipeline_timestamp_seconds",
            "When it last happened: a dataset version was validated or published, a detector registered ('production':"
            " the one in production), the lake or the registry read for these metrics",
            "event",
        )
        self._disk = gauge("disk_bytes", "Room on the disk of TRUEGRAIN_HOME, 'free' and 'total'", "room")

    def show_images(self, images: Mapping[tuple[str, str], int]) -> None:
        """Show how many images the newest dataset version has of each label in each split."""
        for (label, split), count in images.items():
            self._images.labels(label, split).set(count)

    def show_lake(self, state: LakeState) -> None:
        """Show what the lake says."""
        self.note("published", state.published_at)
        self.note("validated", state.validated_at)
        if state.validation_passed is not None:
            self._validation.labels("passed").set(state.validation_passed)
            self._validation.labels("refused").set(not state.validation_passed)

    def show_registry(self, state: RegistrySummary, *, name: str) -> None:
        """Show what the registry says of the registered model `name`."""
        for gate, count in state.gates.items():
            self._registered.labels(gate).set(count)
        self._refused_in_a_row.labels(name).set(state.refused_in_a_row)
        self.note("registered", state.newest_at)
        self.note("production", state.production_at)

    def show_room(self, home: Path) -> None:
        """Show how much room the disk has that `home` is on."""
        usage = shutil.disk_usage(home)
        self._disk.labels("free").set(usage.free)
        self._disk.labels("total").set(usage.total)

    def note(self, event: str, at: float | None) -> None:
        """Show when something last happened, in seconds since the epoch; None: never, as far as is known."""
        if at is not None:
            self._happened.labels(event).set(at)
