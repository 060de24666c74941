"""Reads and writes the reports of users; each report is a file of the lake."""

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from model.errors import SourceError
from model.files import write_table
from model.monitoring import predictions
from model.sources.reports import ACCEPTED, CONFIRMED, FOLDER, SCHEMA

ID: Final = re.compile("[0-9a-f]{32}")
"""The form of a prediction's id."""

NAME: Final = re.compile(f"{ID.pattern}(-[0-9a-f]{{16}})?")
"""The form of a report's id: the prediction's id and a `reporter_mark`, which reports of earlier releases lack."""

ANONYMOUS: Final = predictions.ANONYMOUS
"""The reporter of a report without an API key."""

AGREEMENT: Final = "agreement"
"""Value of `reviewed_by` if reporters agreed."""

KNOWN: Final = "lake"
"""Value of `reviewed_by` if the lake held the image under a label from another source than reports."""

REVIEWER: Final = "reviewer:"
"""Prefix of `reviewed_by` if a person reviewed the report; the person's name follows."""

_WHEN: Final = pa.timestamp("ms", tz="UTC")
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
                pa.field("owner", pa.string()),
                pa.field("reported_at", _WHEN, nullable=False),
                pa.field("reviewed_by", pa.string()),
                pa.field("reviewed_at", _WHEN),
                pa.field("withdrawn", pa.bool_()),
            ]
        ),
    ]
)
"""The columns that a source of reports reads, and the columns that a reviewer needs. The image's bytes are null without
consent, and after a review that did not accept the image. `owner` says who may change the report. `withdrawn`
is true of a report that was withdrawn after its review. Reports of earlier releases lack the last two columns."""

_BYTES: Final = "image.bytes"
_READERS: Final = 8
"""Files read at a time: on a remote lake the round trip takes longer than the reading."""


@dataclass(frozen=True, kw_only=True)
class UserReport:
    """The statement of `client` that the file with the hash `image_sha256` is of class `label`.

    `kept` says whether the file is stored with the report. `review` is None while the report waits for its review.
    `reviewed_by` and `reviewed_at` say who or what reviewed it, and when.
    A report that was `withdrawn` after its review is no voice any more, but its finding still counts.
    """

    id: str
    image_sha256: str
    label: str
    client: str
    comment: str
    probability: float
    reported_at: datetime
    kept: bool
    review: str | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    withdrawn: bool = False

    @property
    def holds(self) -> bool:
        """Whether the review found that the statement is right."""
        return self.review in (ACCEPTED, CONFIRMED)

    @property
    def was_looked_at(self) -> bool:
        """Whether the review rests on more than an agreement: on a person, or on a known label."""
        return self.review is not None and self.reviewed_by != AGREEMENT


_STORED: Final = [field.name for field in fields(UserReport) if field.name not in ("id", "kept")]


def reporter_mark(reporter: str) -> str:
    """Return what stands for a reporter in file names: 16 hexadecimal digits of a hash, so that any name is safe."""
    return hashlib.sha256(f"reporter:{reporter}".encode()).hexdigest()[:16]


def path_of(lake: UPath, id_: str) -> UPath:
    """Return the path of a report's file in the lake at `lake`."""
    return lake / FOLDER / f"{id_}.parquet"


def read_statements(lake: UPath) -> list[UserReport]:
    """Read what all reports say, without images, in the order of their ids; raises SourceError for a damaged report.

    A report that is withdrawn meanwhile is left out.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(lambda id_: read_statement(lake, id_), list_ids(lake))
        return [statement for statement in found if statement is not None]


def list_ids(lake: UPath, pattern: str = "*") -> list[str]:
    """List the ids of the reports in the lake, sorted: all of them, or those that match a `pattern` such as 'a*'."""
    return sorted(path.stem for path in (lake / FOLDER).glob(f"{pattern}.parquet") if NAME.fullmatch(path.stem))


def read_report(lake: UPath, id_: str) -> dict[str, Any] | None:
    """Return all COLUMNS of a report, None if there is no such report; columns that an older file lacks are left out.

    Raises SourceError for a damaged report.
    """
    path = path_of(lake, id_)
    with suppress(FileNotFoundError), _naming_damage(path), path.open("rb") as file:
        report: dict[str, Any]
        (report,) = pq.read_table(file).to_pylist()
        return report
    return None


def write_report(lake: UPath, id_: str, report: dict[str, Any]) -> None:
    """Write a report, in place of an earlier one with its id; raises StorageFull if there is no room."""
    write_table(path_of(lake, id_), pa.Table.from_pylist([report], schema=COLUMNS))


def read_statement(lake: UPath, id_: str) -> UserReport | None:
    """Read what a report says, without its image; None if there is no such report, SourceError if it is damaged."""
    path = path_of(lake, id_)
    with suppress(FileNotFoundError), _naming_damage(path), path.open("rb") as file, pq.ParquetFile(file) as report:
        known = [name for name in _STORED if name in report.schema_arrow.names]
        (values,) = report.read(columns=known).to_pylist()
        values["withdrawn"] = bool(values.get("withdrawn"))
        return UserReport(id=id_, kept=_has_image(report.metadata.row_group(0)), **values)
    return None


@contextmanager
def _naming_damage(path: UPath) -> Iterator[None]:
    """Turn the errors that a damaged report raises into SourceError, with the way out."""
    try:
        yield
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise SourceError(f"The report '{path}' cannot be read: {error}. Remove the file, or restore it.") from error


def _has_image(group: pq.RowGroupMetaData) -> bool:
    """Return whether a report holds an image, by the statistics of its columns, without reading the image."""
    columns = (group.column(number) for number in range(group.num_columns))
    return any(column.path_in_schema == _BYTES and column.statistics.null_count == 0 for column in columns)
