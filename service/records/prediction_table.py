"""How predictions are kept in a database: the table, its rows, and the engine that reaches it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateIndex, CreateTable

from model.errors import SettingsError
from service.verdicts.verdict import Verdict

BUSY_SECONDS: Final = 10
"""How long a writer waits for another process's turn with an SQLite file."""

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
)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A row: a verdict that was given, `at` (UTC) and to which `client`. No image, only the hash of its file."""

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

    @classmethod
    def of(cls, verdict: Verdict, *, client: str, at: datetime) -> Self:
        """Return the row about a verdict."""
        return cls(
            id=verdict.id,
            at=at,
            model_version=verdict.model.version,
            image_sha256=verdict.image.sha256,
            label=verdict.label,
            probability=verdict.probability,
            decision=verdict.decision,
            width=verdict.image.width,
            height=verdict.image.height,
            format=verdict.image.format,
            client=client,
        )


def open_database(url: str) -> Engine:
    """Return an engine for an SQLAlchemy URL; nothing is contacted or written yet. Raises SettingsError for no URL."""
    try:
        address = make_url(url)
        if address.get_backend_name() != "sqlite":
            return create_engine(address, pool_pre_ping=True)
        engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    except (ArgumentError, ImportError) as error:
        raise SettingsError(f"TRUEGRAIN_PREDICTIONS is no URL of a database that can be used here: {error}") from error
    # Readers and the writers of several processes do not wait for each other, and a commit not for the disk: after a
    # power cut the last moments may be missing, nothing is broken.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        event.listen(engine, "connect", partial(_set, pragma))
    return engine


def prepare(engine: Engine) -> None:
    """Make the table unless it is there, and the folder of an SQLite file; several processes may do so at once."""
    if engine.url.get_backend_name() == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    with engine.begin() as connection:
        connection.execute(CreateTable(PREDICTIONS, if_not_exists=True))
        for index in PREDICTIONS.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def add(engine: Engine, predictions: Sequence[Prediction]) -> None:
    """Write predictions, at least one, in one transaction."""
    with engine.begin() as connection:
        connection.execute(insert(PREDICTIONS), [asdict(prediction) for prediction in predictions])


def find(engine: Engine, id_: str, *, since: datetime) -> Prediction | None:
    """Return the prediction of that id if it was given after `since`."""
    wanted = select(PREDICTIONS).where(PREDICTIONS.c.id == id_, PREDICTIONS.c.at > since)
    with engine.connect() as connection:
        row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    return Prediction(**values | {"at": _in_utc(row["at"])})


def forget(engine: Engine, *, until: datetime) -> int:
    """Delete the predictions given up to `until` and return how many they were."""
    with engine.begin() as connection:
        return connection.execute(delete(PREDICTIONS).where(PREDICTIONS.c.at <= until)).rowcount


def _in_utc(at: datetime) -> datetime:
    """Return a time as a database returns it: SQLite forgets the zone, PostgreSQL has its own."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _set(pragma: str, connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA {pragma}").close()
