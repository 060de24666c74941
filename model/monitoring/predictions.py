"""Adds, finds and deletes rows of the table of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import with_config
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from model.monitoring.database import in_utc, make_table

ANONYMOUS: Final = "anonymous"
"""The client of a request without an API key."""

Packed = bytes
"""The values of an embedding, of the type `model.detectors.traffic_sample.EMBEDDING`, one after another."""

PREDICTIONS: Final = Table(
    "predictions",
    MetaData(),
    Column("id", String(32), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, index=True),
    Column("model_version", String(32), nullable=False),
    Column("image_sha256", String(64), nullable=False),
    Column("label", String(8), nullable=False),
    Column("probability", Float, nullable=False),
    Column("decision", String(8), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("bytes", Integer),
    Column("jpeg_quality", Integer),
    Column("decode_ms", Float),
    Column("inference_ms", Float),
    Column("embedding", LargeBinary),
    Column("model_sha256", String(64)),
    Column("in_domain", Boolean),
    Index("ix_predictions_model_version_at", "model_version", "at"),
)


@with_config(ser_json_bytes="base64", val_json_bytes="base64")
@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A row: a verdict that was given, `at` (UTC) and to which `client`. Holds the hash of the file, not the image.

    `bytes` is the size of the file. `jpeg_quality` is None for other formats. `embedding` is None if the detector gives
    none. `model_sha256` tells versions with the same number apart, because a new registry counts from 1 again.
    `in_domain` is None if the detector cannot tell. A row of an earlier release has None in columns that were added
    later.
    """

    id: str
    at: datetime
    model_version: str
    image_sha256: str
    label: str
    probability: float
    decision: str
    width: int
    height: int
    format: str
    client: str
    bytes: int | None
    jpeg_quality: int | None
    decode_ms: float | None
    inference_ms: float | None
    embedding: Packed | None
    model_sha256: str | None = None
    in_domain: bool | None = None


def prepare(engine: Engine) -> None:
    """Create the table, or add the columns that it lacks; create the folder of an SQLite file."""
    if engine.url.get_backend_name() == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    make_table(engine, PREDICTIONS)


def add(engine: Engine, predictions: Sequence[Prediction]) -> None:
    """Write predictions, at least one, in one transaction; existing rows with the same ids stay as they are."""
    insert = sqlite.insert if engine.url.get_backend_name() == "sqlite" else postgresql.insert
    new = insert(PREDICTIONS).on_conflict_do_nothing(index_elements=["id"])
    with engine.begin() as connection:
        connection.execute(new, [vars(prediction) for prediction in predictions])


def find(engine: Engine, id_: str, *, since: datetime) -> Prediction | None:
    """Return the prediction with the id `id_` if it was given after `since`, else None."""
    wanted = select(PREDICTIONS).where(PREDICTIONS.c.id == id_, PREDICTIONS.c.at > since)
    with engine.connect() as connection:
        row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    return Prediction(**values | {"at": in_utc(row["at"])})


def forget(engine: Engine, *, until: datetime, most: int) -> int:
    """Delete at most `most` predictions given up to `until`, and return how many were deleted."""
    return _delete(engine, PREDICTIONS.c.at <= until, most)


def forget_image(engine: Engine, image_sha256: str, *, most: int) -> int:
    """Delete at most `most` predictions about the image with that hash, and return how many were deleted."""
    return _delete(engine, PREDICTIONS.c.image_sha256 == image_sha256, most)


def count_by_client(engine: Engine) -> list[tuple[str, int, datetime, datetime]]:
    """Return each client with the number of its predictions, the time (UTC) of the oldest and of the newest."""
    columns = PREDICTIONS.c
    counted = (
        select(columns.client, func.count(), func.min(columns.at), func.max(columns.at))
        .group_by(columns.client)
        .order_by(columns.client)
    )
    with engine.connect() as connection:
        rows = connection.execute(counted).all()
    return [(client, count, in_utc(oldest), in_utc(newest)) for client, count, oldest, newest in rows]


def delete_future_rows(engine: Engine, *, of: datetime, most: int) -> int:
    """Delete at most `most` predictions dated later than `of`, and return how many were deleted.

    Deletes nothing if most rows are in the future: then this clock is wrong.
    """
    ahead, rows = PREDICTIONS.c.at > of, select(func.count()).select_from(PREDICTIONS)
    with engine.connect() as connection:
        wrong = connection.execute(rows.where(ahead)).scalar_one()
        if wrong == 0 or 2 * wrong > connection.execute(rows).scalar_one():
            return 0
    return _delete(engine, ahead, most)


def _delete(engine: Engine, which: ColumnElement[bool], most: int) -> int:
    """Delete at most `most` of the rows in `which`, and return how many were deleted.

    Rows are deleted in order, and rows that another host deletes at this moment are skipped. Otherwise two hosts on
    PostgreSQL could wait for each other (deadlock).
    """
    columns = PREDICTIONS.c
    found = select(columns.id).where(which).order_by(columns.at, columns.id).limit(most)
    with engine.begin() as connection:
        locked = found.with_for_update(skip_locked=True)
        return connection.execute(delete(PREDICTIONS).where(columns.id.in_(locked))).rowcount
