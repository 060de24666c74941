"""The assets that connect the DAGs.

`dataset` is a published dataset version, `detector` the one in production; `drift` is updated when traffic no longer
resembles what that was made from, and `retraining` when a training is about to begin.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from airflow.sdk import Asset
from pydantic import JsonValue

from model.errors import DatasetError

if TYPE_CHECKING:
    # Airflow parses every file that imports this module; pandas need not be part of that.
    from model.dataset.lake import Lake

DATASET = Asset("dataset")
DETECTOR = Asset("detector")
DRIFT = Asset("drift")
RETRAINING = Asset("retraining")

DRIFT_REASON = "drift"
"""Key in the `extra` of an event: what drift made it happen. Absent where none did."""


class Event(Protocol):
    """What is read of an asset event."""

    extra: Mapping[str, object]


Triggers = Mapping[Asset, Sequence[Event]]
"""What Airflow calls `triggering_asset_events`: none for a run started by hand."""


def read_drift(triggers: Triggers) -> dict[str, JsonValue]:
    """Return what drift started a run, as the `extra` of the events that come of it; empty when none did."""
    events = (*triggers.get(DATASET, ()), *triggers.get(DRIFT, ()))
    reasons = [str(event.extra[DRIFT_REASON]) for event in events if DRIFT_REASON in event.extra]
    return {DRIFT_REASON: reasons[-1]} if reasons else {}


def choose_dataset_version(requested: str | None, triggers: Triggers, lake: "Lake") -> str:
    """Choose what to train on: the version asked for, else the last that the triggering events name, else the latest.

    Raises DatasetError when that version is not published, or when none is.
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
