"""Rows of the prediction log are stored unchanged and read as windows, also in the table of an earlier release."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sqlalchemy import Engine, select
from sqlalchemy.exc import DataError

from model.detectors.traffic_sample import EMBEDDING
from model.monitoring.database import open_database, opened, read_clock
from model.monitoring.predictions import (
    PREDICTIONS,
    add,
    delete_future_rows,
    find,
    forget,
    prepare,
)
from model.monitoring.windows import Window, read_window
from support.monitoring import predict
from support.postgresql import NEEDS_POSTGRESQL, Postgresql, running_postgresql

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FOREVER_AGO = NOW - timedelta(days=10_000)
EARLIER_TABLE = """CREATE TABLE predictions (id VARCHAR(32) PRIMARY KEY, at DATETIME NOT NULL, model_version VARCHAR(32)
    NOT NULL, image_sha256 VARCHAR(64) NOT NULL, label VARCHAR(8) NOT NULL, probability FLOAT NOT NULL, decision
    VARCHAR(8) NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, format VARCHAR(16) NOT NULL, client
    VARCHAR(64) NOT NULL)"""
EARLIER_ROW = "INSERT INTO predictions VALUES (?, '2026-11-20 11:00:00', '7', ?, 'ai', .9, 'ai', 8, 8, 'PNG', 'shop')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "predictions.db"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Postgresql]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRESQL)])
def engine(request: pytest.FixtureRequest, file: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    is_file = request.param == "sqlite"
    engine = open_database(f"sqlite:///{file}" if is_file else request.getfixturevalue("postgresql").url)
    prepare(engine)
    yield engine
    PREDICTIONS.drop(engine)
    engine.dispose()


@pytest.fixture
def earlier(file: Path) -> Path:
    """A database of an earlier release, with one row."""
    file.parent.mkdir()
    connection = sqlite3.connect(file)
    connection.execute(EARLIER_TABLE)
    connection.execute(EARLIER_ROW, ("e" * 32, "5" * 64))
    connection.commit()
    connection.close()
    return file


def read(engine: Engine, *, most: int, until: datetime) -> Window:
    return read_window(engine, model_version="7", model_sha256="5e" * 32, most=most, until=until)


def packed(*values: float) -> bytes:
    return np.array(values, EMBEDDING).tobytes()


def test_a_row_is_found_as_it_was_given(engine: Engine) -> None:
    given = predict(1, at=NOW, embedding=packed(0.5, -2))
    add(engine, [given])
    assert find(engine, given.id, since=FOREVER_AGO) == given
    assert find(engine, given.id, since=NOW) is None


def test_a_row_that_is_there_already_costs_no_other_row_of_its_batch(engine: Engine) -> None:
    add(engine, [predict(2, at=NOW)])
    add(engine, [predict(1, at=NOW), predict(2, at=NOW, client="another"), predict(3, at=NOW)])
    found = [find(engine, predict(number).id, since=FOREVER_AGO) for number in (1, 2, 3)]
    assert [row.client for row in found if row] == ["shop", "shop", "shop"]


def test_a_window_is_the_newest_predictions_of_a_version_oldest_first(engine: Engine) -> None:
    rows = [predict(n, at=NOW - timedelta(minutes=n), probability=n / 10) for n in range(6)]
    others = [{"model_version": "8"}, {"model_sha256": "0" * 64}, {"model_sha256": None}]
    later = NOW - timedelta(minutes=1)
    add(engine, [*rows, *(predict(10 + n, at=later, **other) for n, other in enumerate(others))])
    window = read(engine, most=3, until=NOW - timedelta(minutes=1))
    assert window.ids == tuple(row.id for row in (rows[3], rows[2], rows[1]))
    assert (window.first, window.last) == (rows[3].at, rows[1].at)
    assert_array_equal(window.sample.probability, [0.3, 0.2, 0.1])


def test_a_window_holds_the_facts_of_the_files_and_where_the_detector_placed_them(engine: Engine) -> None:
    jpeg = predict(1, at=NOW - timedelta(seconds=1), embedding=packed(1, 2), jpeg_quality=90)
    png = predict(2, at=NOW, embedding=packed(3, 4), jpeg_quality=None, format="PNG", width=8, height=9, bytes=10)
    add(engine, [jpeg, png])
    sample = read(engine, most=10, until=NOW).sample
    assert_array_equal(sample.embedding, np.array([[1, 2], [3, 4]], np.float32), strict=True)
    assert_array_equal(sample.jpeg_quality, [90, np.nan])
    assert (sample.format[1], sample.width[1], sample.height[1], sample.bytes[1]) == ("PNG", 8, 9, 10)


@pytest.mark.parametrize("embeddings", [(None, None), (packed(1, 2), None), (packed(1, 2), packed(1))])
def test_a_window_has_embeddings_only_when_every_row_has_one_of_the_same_length(
    engine: Engine, embeddings: tuple[bytes | None, ...]
) -> None:
    add(engine, [predict(number, at=NOW, embedding=one) for number, one in enumerate(embeddings)])
    window = read(engine, most=10, until=NOW)
    assert len(window.sample) == 2
    assert window.sample.embedding is None


def test_an_empty_window_is_one(engine: Engine) -> None:
    window = read(engine, most=10, until=NOW)
    assert (window.ids, window.first, window.last, len(window.sample)) == ((), None, None, 0)


def test_what_is_too_old_is_forgotten(engine: Engine) -> None:
    add(engine, [predict(n, at=NOW - timedelta(days=n)) for n in range(4)])
    assert [forget(engine, until=NOW - timedelta(days=1), most=2) for _ in range(3)] == [2, 1, 0]
    assert len(read(engine, most=10, until=NOW).ids) == 1


@NEEDS_POSTGRESQL
def test_two_hosts_forget_side_by_side_and_wait_for_no_row_of_each_other(postgresql: Postgresql) -> None:
    with opened(postgresql.url) as engine:
        prepare(engine)
        add(engine, [predict(n, at=NOW - timedelta(days=n)) for n in range(1, 5)])
        with engine.connect() as other:
            oldest = select(PREDICTIONS.c.id).where(PREDICTIONS.c.id.in_([predict(n).id for n in (3, 4)]))
            assert len(other.execute(oldest.with_for_update()).all()) == 2
            assert forget(engine, until=NOW, most=10) == 2
        assert forget(engine, until=NOW, most=10) == 2
        PREDICTIONS.drop(engine)


def test_predictions_of_the_future_are_forgotten_where_they_are_few(engine: Engine) -> None:
    add(engine, [predict(n, at=NOW + timedelta(days=n)) for n in range(-3, 3)])
    assert [delete_future_rows(engine, of=NOW, most=1) for _ in range(3)] == [1, 1, 0]
    add(engine, [predict(n, at=NOW + timedelta(days=n)) for n in range(1, 9)])
    assert delete_future_rows(engine, of=NOW, most=10) == 0, "it is NOW that is wrong"


def test_the_clock_of_the_database_is_that_of_its_host(engine: Engine) -> None:
    assert abs(read_clock(engine) - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_table_of_an_earlier_version_is_kept_and_gets_what_it_lacks(earlier: Path) -> None:
    engine = open_database(f"sqlite:///{earlier}")
    prepare(engine)
    add(engine, [predict(1, at=NOW)])
    old = find(engine, "e" * 32, since=FOREVER_AGO)
    window = read(engine, most=10, until=NOW)
    engine.dispose()
    assert old is not None
    assert (old.bytes, old.decode_ms, old.embedding) == (None, None, None)
    assert window.ids == (predict(1).id,), "a row without facts cannot be compared"


def test_several_processes_may_bring_a_table_up_to_date_at_once(earlier: Path) -> None:
    engines = [open_database(f"sqlite:///{earlier}") for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(prepare, engines))
    add(engines[0], [predict(1, at=NOW)])
    for engine in engines:
        engine.dispose()


@NEEDS_POSTGRESQL
def test_several_processes_may_make_the_table_at_once(postgresql: Postgresql) -> None:
    engines = [open_database(postgresql.url) for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(prepare, engines))
    PREDICTIONS.drop(engines[0])
    for engine in engines:
        engine.dispose()


@NEEDS_POSTGRESQL
def test_a_row_that_is_too_long_is_that_rows_fault(postgresql: Postgresql) -> None:
    engine = open_database(postgresql.url)
    prepare(engine)
    with pytest.raises(DataError):
        add(engine, [predict(1), predict(2, client="x" * 65)])
    PREDICTIONS.drop(engine)
    engine.dispose()
