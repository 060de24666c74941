"""Errors of databases, disks and the program lead to different states; a late log reports its delay."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from model.monitoring.database import open_database
from service.status.prediction_log import LATE_SECONDS, LogStatus, name_cause, name_trouble
from support.postgresql import NEEDS_POSTGRESQL, running_postgresql


def test_a_lock_of_sqlite_is_told_from_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "held.db") as holder:
        holder.execute("begin exclusive")
        engine = create_engine(f"sqlite:///{tmp_path}/held.db", connect_args={"timeout": 0})
        with pytest.raises(OperationalError) as locked, engine.begin() as connection:
            connection.execute(text("create table t (x)"))
        engine.dispose()
    holder.close()
    engine = create_engine(f"sqlite:///{tmp_path}/nowhere/some.db")
    with pytest.raises(OperationalError) as gone:
        engine.connect()
    assert (name_trouble(locked.value), name_trouble(gone.value)) == ("locked", "gone")


@NEEDS_POSTGRESQL
def test_a_lock_of_postgresql_is_told_from_a_server_that_is_down() -> None:
    with running_postgresql() as server:
        engine = open_database(f"{server.url}?options=-clock_timeout%3D50")
        with engine.begin() as holder:
            holder.execute(text("create table t (x int)"))
        with engine.begin() as holder, pytest.raises(DBAPIError) as locked, engine.begin() as other:
            holder.execute(text("lock table t"))
            other.execute(text("insert into t values (1)"))
        server.stop()
        with pytest.raises(DBAPIError) as gone, engine.begin() as connection:
            connection.execute(text("select 1"))
        engine.dispose()
    assert (name_trouble(locked.value), name_trouble(gone.value)) == ("locked", "gone")


@pytest.mark.parametrize(
    ("number", "state"), [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EFBIG, "full"), (errno.EACCES, "gone")]
)
def test_a_disk_without_room_is_told_from_one_that_is_closed_to_us(number: int, state: str) -> None:
    assert name_trouble(OSError(number, os.strerror(number))) == state


def test_a_log_that_is_well_has_no_troubles() -> None:
    assert LogStatus(state="ok", waiting=12, lag_seconds=0.1, dropped=0).troubles() == []


def test_a_log_that_writes_nothing_for_long_is_in_trouble_though_nothing_failed() -> None:
    [trouble] = LogStatus(state="ok", waiting=12, lag_seconds=LATE_SECONDS + 1, dropped=0).troubles()
    assert "the prediction log is late" in trouble and "12 predictions wait, the oldest for 121 s" in trouble


@pytest.mark.parametrize(
    "error", [RuntimeError("a mistake"), ProgrammingError("insert", {}, ValueError("permission denied"))]
)
def test_a_refusal_and_a_mistake_of_ours_are_told_from_a_database_that_is_away(error: Exception) -> None:
    assert name_trouble(error) == "failing"


def test_the_cause_is_told_without_the_row_that_postgresql_adds_to_it() -> None:
    error = IntegrityError("insert", {}, ValueError("null value in column\nDETAIL:  Failing row contains (shop).\n"))
    assert name_cause(error) == "null value in column"
