"""Connections time out and are closed, and errors contain no passwords and no rows."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from model.errors import SettingsError
from model.monitoring import database
from model.monitoring.database import CONNECT_SECONDS, open_database, opened
from model.monitoring.predictions import add
from support.monitoring import predict
from support.postgresql import NEEDS_POSTGRESQL, Postgresql, running_postgresql


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Postgresql]:
    with running_postgresql() as server:
        yield server


@pytest.mark.parametrize(
    "url", ["nonsense", "nosuchdatabase://host/name", "mysql://host/name", "postgresql+nosuchdriver://host/name"]
)
def test_an_address_that_cannot_be_used_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match=r"TRUEGRAIN_PREDICTIONS.*sqlite:///<file>"):
        open_database(url)


@pytest.mark.parametrize("url", ["postgresql://u:p@ss:w0rd@host/db", "postgresql//u:p@ss:w0rd@host/db"])
def test_an_address_that_cannot_be_understood_is_quoted_nowhere_for_there_is_a_password_in_it(url: str) -> None:
    with pytest.raises(SettingsError, match="%40") as refused:
        open_database(url)
    assert "w0rd" not in str(refused.value)
    assert refused.value.__suppress_context__, "a traceback would quote it"


def test_what_was_opened_is_let_go_of_also_when_something_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(f"sqlite:///{tmp_path}/some.db") as engine:
        engine.connect().close()
        assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
        raise ZeroDivisionError
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRESQL)])
def test_an_error_does_not_say_what_was_to_be_written(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/some.db" if kind == "sqlite" else request.getfixturevalue("postgresql").url
    with opened(url) as engine, pytest.raises(DBAPIError, match="predictions") as failed:
        add(engine, [predict(1, client="a shop")])
    assert "a shop" not in str(failed.value)


@NEEDS_POSTGRESQL
def test_a_statement_that_takes_too_long_ends(postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.05)
    with (
        opened(postgresql.url) as engine,
        engine.connect() as connection,
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        connection.execute(text("select pg_sleep(60)"))


@NEEDS_POSTGRESQL
def test_a_host_that_owes_an_answer_is_asked_whether_it_is_there(postgresql: Postgresql) -> None:
    with opened(postgresql.url) as engine, engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.fileno())) as wire:
            asked = [
                wire.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ]
    assert asked == [CONNECT_SECONDS, CONNECT_SECONDS, 3]
