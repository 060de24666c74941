"""Opens Truegrain's database, and creates its tables or brings older ones up to date."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, Executable, Table, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from model.errors import SettingsError
from model.files import identify

BUSY_SECONDS: Final = 10
"""How long a writer waits for another writer of an SQLite file, or for a lock in PostgreSQL.

The query of a URL may set another time: `?timeout=` for SQLite, `?options=` for PostgreSQL.
"""

CONNECT_SECONDS: Final = 5
"""How long a PostgreSQL server may take to accept a connection, and its host to acknowledge data.

While an answer is awaited, a keepalive is sent at the same interval. After three without a reply the host counts as
gone.
"""

STATEMENT_SECONDS: Final = 60
"""How long a PostgreSQL server may work on a statement.

The server itself enforces this limit. So a frozen server on a host that still answers blocks its clients for longer.
"""

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=10000")
"""Checkpointing ten times as often (SQLite's default) doubles the cost of a row."""

DRIVER: Final = "postgresql+psycopg2"
"""The driver of the extra `postgres`."""

_ALLOWED: Final = "allowed are sqlite:///<file> and postgresql://<user>:<password>@<host>/<database>"


def open_database(url: str) -> Engine:
    """Return an engine for an SQLAlchemy URL of SQLite or PostgreSQL; nothing is contacted or written yet.

    Raises SettingsError for any other URL.
    """
    try:
        address = make_url(url)
        backend = address.get_backend_name()
        if backend not in _OPENING:
            raise SettingsError(f"TRUEGRAIN_PREDICTIONS names {backend}; {_ALLOWED}")
        return _OPENING[backend](address)
    except (NoSuchModuleError, ImportError) as error:
        raise SettingsError(
            f"TRUEGRAIN_PREDICTIONS needs a driver that is not installed: {error}; {_ALLOWED}"
        ) from error
    except (ArgumentError, ValueError):
        # Neither `from error` nor its text: both quote the URL, and with the URL all or part of the password.
        raise SettingsError(
            f"TRUEGRAIN_PREDICTIONS is not a valid URL; {_ALLOWED}; write @, : and / of a password as %40, %3A and %2F"
        ) from None


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Yield the engine of `open_database`, and close its connections afterwards."""
    engine = open_database(url)
    try:
        yield engine
    finally:
        engine.dispose()


def read_clock(engine: Engine) -> datetime:
    """Return the current time (UTC) by the clock of the database."""
    with engine.connect() as connection:
        return in_utc(connection.execute(select(func.current_timestamp())).scalar_one())


def in_utc(at: datetime) -> datetime:
    """Return in UTC a time that was read from a database: SQLite drops the zone, PostgreSQL uses its own."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def make_table(engine: Engine, table: Table) -> None:
    """Create `table`, or add the columns and indexes that it lacks; several processes may do so at once.

    An added column must allow nulls, because existing rows have null in it.
    """
    _unless_there(engine, CreateTable(table), partial(_has_table, engine, table))
    there = _columns(engine, table)
    for column in (column for column in table.columns if column.name not in there):
        adding = text(f"ALTER TABLE {table.name} ADD COLUMN {CreateColumn(column).compile(engine)}")
        _unless_there(engine, adding, partial(_has_column, engine, table, column.name))
    for index in table.indexes:
        _unless_there(engine, CreateIndex(index), partial(_has_index, engine, table, str(index.name)))


def _open_sqlite(address: URL) -> Engine:
    """Return an engine for an SQLite file.

    Readers and writers do not wait for each other, in one process or several. A commit does not wait for the disk:
    after a power cut the last rows may be missing, but the file is intact. A file that was deleted or replaced is
    opened again.
    """
    file = Path(address.database or ":memory:")
    bounds = _unless_said(address, timeout=BUSY_SECONDS)
    engine = create_engine(address, connect_args=bounds, hide_parameters=True)

    def connected(connection: sqlite3.Connection, record: Any) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        record.info["file"] = identify(file)

    def checked_out(_connection: sqlite3.Connection, record: Any, _proxy: object) -> None:
        if record.info["file"] != identify(file):
            raise DisconnectionError(f"{file} was deleted or replaced")

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", checked_out)
    return engine


def _open_postgresql(address: URL) -> Engine:
    """Return an engine for a PostgreSQL server; raises ImportError when its driver is not installed.

    A URL without a driver means DRIVER, not the default of SQLAlchemy.
    """
    if address.drivername == "postgresql":
        address = address.set(drivername=DRIVER)
    bounds = _unless_said(
        address,
        connect_timeout=CONNECT_SECONDS,
        tcp_user_timeout=CONNECT_SECONDS * 1000,
        keepalives_idle=CONNECT_SECONDS,
        keepalives_interval=CONNECT_SECONDS,
        keepalives_count=3,
        options=f"-c lock_timeout={BUSY_SECONDS * 1000} -c statement_timeout={STATEMENT_SECONDS * 1000}",
    )
    by_libpq = address.get_driver_name().startswith("psycopg")
    arguments = bounds if by_libpq else {}
    return create_engine(address, pool_pre_ping=True, connect_args=arguments, hide_parameters=True)


_OPENING: Final = {"sqlite": _open_sqlite, "postgresql": _open_postgresql}


def _unless_said(address: URL, **arguments: object) -> dict[str, object]:
    """Return the arguments that the URL's own query does not set."""
    return {name: value for name, value in arguments.items() if name not in address.query}


def _unless_there(engine: Engine, making: Executable, is_there: Callable[[], bool]) -> None:
    if is_there():
        return
    try:
        with engine.begin() as connection:
            connection.execute(making)
    except DBAPIError:  # another process may have been faster; each database words that error differently
        if not is_there():
            raise


def _has_table(engine: Engine, table: Table) -> bool:
    return inspect(engine).has_table(table.name)


def _has_column(engine: Engine, table: Table, name: str) -> bool:
    return name in _columns(engine, table)


def _has_index(engine: Engine, table: Table, name: str) -> bool:
    return inspect(engine).has_index(table.name, name)


def _columns(engine: Engine, table: Table) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table.name)}
