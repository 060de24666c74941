"""Engines for the databases that Truegrain keeps rows in: none waits for ever, none writes into a file that is gone."""

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

BUSY_SECONDS: Final = 10
"""How long a writer waits for another's turn with an SQLite file, or for another's lock in PostgreSQL.

The query of a URL may say otherwise: `?timeout=` for SQLite, `?options=` for PostgreSQL."""

CONNECT_SECONDS: Final = 5
"""How long a PostgreSQL server may take to accept a connection, and its host to acknowledge what it was sent."""


_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=10000")
"""The last lets changes gather to 40 MB: to put them into their place ten times as often doubles what a row takes."""

DRIVER: Final = "postgresql+psycopg2"
"""The driver of the extra `postgres`."""


def open_sqlite(address: URL) -> Engine:
    """Return an engine for an SQLite file.

    Readers and the writers of several processes do not wait for each other, and a commit not for the disk: after a
    power cut the last moments may be missing, nothing is broken. A file that was deleted or replaced is opened anew.
    """
    file = Path(address.database) if address.database else None
    engine = create_engine(address, connect_args=_unless_said(address, timeout=BUSY_SECONDS))

    def connected(connection: sqlite3.Connection, record: Any) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        record.info["file"] = _identify(file)

    def checked_out(_connection: sqlite3.Connection, record: Any, _proxy: object) -> None:
        if record.info["file"] != _identify(file):
            raise DisconnectionError(f"{file} is another file than it was")

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", checked_out)
    return engine


def open_postgresql(address: URL) -> Engine:
    """Return an engine for a PostgreSQL server; raises ImportError when its driver is not installed.

    A URL that names no driver means DRIVER; SQLAlchemy would take another one.
    """
    if address.drivername == "postgresql":
        address = address.set(drivername=DRIVER)
    bounds = _unless_said(
        address,
        connect_timeout=CONNECT_SECONDS,
        tcp_user_timeout=CONNECT_SECONDS * 1000,
        options=f"-c lock_timeout={BUSY_SECONDS * 1000}",
    )
    by_libpq = address.get_driver_name().startswith("psycopg")
    return create_engine(address, pool_pre_ping=True, connect_args=bounds if by_libpq else {})


def _unless_said(address: URL, **arguments: object) -> dict[str, object]:
    """Return the arguments on which the URL's own query says nothing."""
    return {name: value for name, value in arguments.items() if name not in address.query}


def _identify(file: Path | None) -> tuple[int, int] | None:
    try:
        facts = file.stat() if file else None
    except FileNotFoundError:
        return None
    return (facts.st_dev, facts.st_ino) if facts else None
