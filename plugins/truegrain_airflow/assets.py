"""Defines the assets that connect the DAGs, and reads their events.

- `dataset`: updated when a dataset version is published.
- `detector`: updated when another detector comes into production.
- `drift`: updated when traffic has drifted away from the images that the detector was made from.
- `retraining`: updated when a training is about to begin.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from airflow.sdk import Asset
from pydantic import JsonValue

from model.errors import DatasetError

if TYPE_CHECKING:
    # Airflow parses the DAG files, which import this module, often. Importing pandas would slow that down.
    from model.dataset.lake import Lake

DATASET = Asset("dataset")
DETECTOR = Asset("detector")
DRIFT = Asset("drift")
RETRAINING = Asset("retraining")

DRIFT_REASON = "drift"
"""Key in the `extra` of an event: the drift that caused the event. Absent if no drift did."""


class Event(Protocol):
    """The part of an asset event that is read here."""

    extra: Mapping[str, object]


Triggers = Mapping[Asset, Sequence[Event]]
"""Airflow's `triggering_asset_events`: the events that started a run; empty for a run started by hand."""


def read_drift(triggers: Triggers) -> dict[str, JsonValue]:
    """Return the drift that started a run, as `extra` for the run's own events; empty if no drift started it."""
    events = (*triggers.get(DATASET, ()), *triggers.get(DRIFT, ()))
    reasons = [str(event.extra[DRIFT_REASON]) for event in events if DRIFT_REASON in event.extra]
    return {DRIFT_REASON: reasons[-1]} if reasons else {}


def choose_dataset_version(requested: str | None, triggers: Triggers, lake: "Lake") -> str:
    """Choose the version to train on: the requested one, else the last one in the events, else the newest in the lake.

    Raises DatasetError if that version is not published, or if there is no published version.
    """
    events = triggers.get(DATASET, ())
    announced = [str(event.extra["dataset_version"]) for event in events if "dataset_version" in event.extra]
    version = requested or (announced[-1] if announced else lake.latest())
    if version is None:
        raise DatasetError(f"no dataset version is published in {lake.root} yet; run ingest_images first")
    if version not in lake.versions():
        raise DatasetError(
            f"dataset version '{version}' is not published; newest are {', '.join(lake.versions()[-5:])}"
        )
    return version
