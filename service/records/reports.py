"""Reports: what users say that an image is, each one a Parquet file in the lake until a person has reviewed it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from upath import UPath

from model.predictions import Prediction
from model.sources.feedback import ACCEPTED, REVIEW, SCHEMA
from model.writing import remove, write_table

FOLDER: Final = "feedback"
"""Folder of the lake."""

COLUMNS: Final = pa.unify_schemas(
    [
        SCHEMA,
        pa.schema(
            [
                pa.field("image_sha256", pa.string(), nullable=False),
                pa.field("model_version", pa.string(), nullable=False),
                pa.field("probability", pa.float64(), nullable=False),
                pa.field("decision", pa.string(), nullable=False),
                pa.field("comment", pa.string(), nullable=False),
                pa.field("client", pa.string(), nullable=False),
                pa.field("reported_at", pa.timestamp("ms", tz="UTC"), nullable=False),
            ]
        ),
    ]
)
"""What a source of reports reads, and what a reviewer wants to know; without consent the image's bytes are null."""


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

        Raises StorageFull when there is no room.
        """
        path = self._path(report.prediction.id)
        if path.exists() and _read(path)[REVIEW] is not None:
            return False
        write_table(path, pa.Table.from_pylist([_row(report)], schema=COLUMNS))
        return True

    def withdraw(self, id_: str) -> bool | None:
        """Remove a report and its image; None when there is none, else whether the image needed a tombstone.

        An accepted one may be in the lake already, where nothing is ever deleted: its tombstone keeps it out of every
        later dataset version.
        """
        path = self._path(id_)
        if not path.exists():
            return None
        report = _read(path)
        accepted: bool = report[REVIEW] == ACCEPTED
        if accepted:
            self._bury(report["image_sha256"])
        remove(path)
        return accepted

    def _bury(self, sha256: str) -> None:
        # Imported here, for they bring pandas, which most workers never need.
        from model.lake import Lake
        from model.tombstones import withdraw

        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._lock):  # of two at once, the second would write over what the first has added
            withdraw(Lake(self._lake), [sha256], reason="the report that brought it was withdrawn", now=_now())

    def _path(self, id_: str) -> UPath:
        return UPath(self._lake) / FOLDER / f"{id_}.parquet"


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


def _read(path: UPath) -> dict[str, Any]:
    with path.open("rb") as file:
        rows: list[dict[str, Any]] = pq.read_table(file, columns=[REVIEW, "image_sha256"]).to_pylist()
    return rows[0]


def _now() -> datetime:
    return datetime.now(UTC)
