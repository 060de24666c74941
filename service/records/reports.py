"""Keeps the reports in which users say what an image is, each a file in the lake that waits for its review."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from upath import UPath

from model.feedback.reports import path_of, read_report, write_report
from model.files import remove
from model.monitoring.predictions import Prediction
from model.processes import locked
from model.sources.reports import ACCEPTED, REVIEW


@dataclass(frozen=True, kw_only=True)
class Report:
    """That the image of `prediction` is of class `label`, as `client` says; `image` is its file if it may be kept."""

    prediction: Prediction
    label: Literal["real", "ai"]
    comment: str
    client: str
    image: bytes | None


class Reports:
    """The reports in the lake at a URL, one a prediction, under the prediction's id.

    One, so that no prediction can be voted on twice: a later report takes the place of the one before.
    """

    def __init__(self, lake: str, *, lock: Path) -> None:
        self._lake = lake
        self._lock = lock

    def put(self, report: Report) -> bool:
        """Keep a report, or return False when that on the same prediction was reviewed already.

        Raises StorageFull when there is no room, LockHeld when others change reports for too long.
        """
        root, id_ = UPath(self._lake), report.prediction.id
        with locked(self._lock):
            earlier = read_report(root, id_)
            if earlier is not None and earlier[REVIEW] is not None:
                return False
            write_report(root, id_, _row(report))
        return True

    def withdraw(self, id_: str) -> bool | None:
        """Remove a report and its image; None when there is none, else whether the image needed a tombstone.

        An accepted one may be in the lake already, where nothing is ever deleted: its tombstone keeps it out of every
        later dataset version. Raises what `put` raises.
        """
        path = path_of(UPath(self._lake), id_)
        with locked(self._lock):
            report = read_report(UPath(self._lake), id_)
            if report is None:
                return None
            if report[REVIEW] != ACCEPTED:
                remove(path)
                return False
        self._bury(report["image_sha256"])  # without the lock, for it reads the whole lake
        with locked(self._lock):  # or a reviewer who is at it would write the report once more
            remove(path)
        return True

    def _bury(self, sha256: str) -> None:
        # Imported here, for they bring pandas, which most workers never need.
        from model.dataset.lake import Lake
        from model.dataset.tombstones import withdraw

        why = "the report that brought it was withdrawn"
        withdraw(Lake(self._lake), [sha256], lock=self._lock, reason=why, now=_now())


def _row(report: Report) -> dict[str, Any]:
    prediction = report.prediction
    name = f"{prediction.image_sha256}.{prediction.format.lower()}"
    return {
        "image": {"bytes": report.image, "path": name},
        "label": report.label,
        "image_sha256": prediction.image_sha256,
        "model_version": prediction.model_version,
        "probability": prediction.probability,
        "decision": prediction.decision,
        "comment": report.comment,
        "client": report.client,
        "reported_at": _now(),
    }


def _now() -> datetime:
    return datetime.now(UTC)
