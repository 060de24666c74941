"""The history of drift in its database."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from model.monitoring.database import open_database
from model.monitoring.drift_history import RESULTS, DriftResult, add, forget, history, latest, prepare
from support.monitoring import NOON, found
from support.postgresql import NEEDS_POSTGRESQL, running_postgresql

EVER = NOON - timedelta(days=365)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'predictions.db'}")
    prepare(engine)
    prepare(engine)  # another process has created the table before
    yield engine
    engine.dispose()


@pytest.mark.parametrize("state", ["ok", "drifting", "unknown"])
def test_a_result_comes_back_as_it_was(engine: Engine, state: str) -> None:
    add(engine, found(state))
    assert history(engine, since=EVER, until=NOON, most=10) == [found(state)]


def test_the_history_begins_with_the_oldest_and_can_be_cut_to_the_newest(engine: Engine) -> None:
    results = [found(minutes_ago=minutes) for minutes in (1, 3, 0, 2)]
    for result in results:
        add(engine, result)
    oldest_first = sorted(results, key=lambda result: result.measured_at)
    assert history(engine, since=EVER, until=NOON, most=10) == oldest_first
    assert history(engine, since=EVER, until=NOON, most=2) == oldest_first[2:]
    assert history(engine, since=NOON - timedelta(minutes=2), until=NOON - timedelta(minutes=1), most=10) == [
        oldest_first[2]
    ]


def test_the_latest_result_is_that_about_the_version_and_not_of_the_future(engine: Engine) -> None:
    add(engine, found(minutes_ago=2))
    add(engine, found(minutes_ago=1, model_version="8"))
    add(engine, found(minutes_ago=-5))
    assert latest(engine, "7", since=EVER, until=NOON) == found(minutes_ago=2)
    assert latest(engine, "9", since=EVER, until=NOON) is None
    assert latest(engine, "7", since=NOON - timedelta(minutes=2), until=NOON) is None


@pytest.mark.parametrize("stored", ['{"state": "elsewhere"}', "no JSON"])
def test_a_result_that_another_release_has_written_is_passed_over(engine: Engine, stored: str) -> None:
    add(engine, found(minutes_ago=1))
    with engine.begin() as connection:
        connection.execute(insert(RESULTS), {"measured_at": NOON, "model_version": "7", "result": stored})
    assert history(engine, since=EVER, until=NOON, most=10) == [found(minutes_ago=1)]
    assert latest(engine, "7", since=EVER, until=NOON) is None


def test_what_is_old_is_forgotten(engine: Engine) -> None:
    for minutes in (2, 1, 0):
        add(engine, found(minutes_ago=minutes))
    forget(engine, until=NOON - timedelta(minutes=1))
    assert history(engine, since=EVER, until=NOON, most=10) == [found()]


@NEEDS_POSTGRESQL
def test_postgresql_keeps_it_as_well() -> None:
    with running_postgresql() as server:
        engine = open_database(server.url)
        prepare(engine)
        for result in (found(minutes_ago=1), found("ok")):
            add(engine, result)
        assert history(engine, since=EVER, until=NOON, most=10) == [found(minutes_ago=1), found("ok")]
        assert latest(engine, "7", since=EVER, until=NOON) == found("ok")
        forget(engine, until=NOON - timedelta(minutes=1))
        assert history(engine, since=EVER, until=NOON, most=10) == [found("ok")]
        engine.dispose()


def window(minute: int, *, state: str = "drifting", half: float = 5, **changes: object) -> DriftResult:
    """Return a result on ten minutes of predictions up to `minute`, half of them given in the last `half` minutes."""
    ends = NOON + timedelta(minutes=minute)
    times = {"first": ends - timedelta(minutes=10), "middle": ends - timedelta(minutes=half), "last": ends}
    return found(state, now=ends, **times | changes)


def rows_of(*results: DriftResult) -> list[int]:
    before: DriftResult | None = None
    counted = []
    for result in results:
        before = result.following(before)
        counted.append(before.in_a_row)
    return counted


def test_a_result_counts_once_half_of_its_window_is_new() -> None:
    assert rows_of(*(window(minute) for minute in range(0, 14, 2))) == [1, 1, 1, 2, 2, 2, 3]
    assert rows_of(*(window(minute) for minute in range(0, 30, 10))) == [1, 2, 3]
    assert rows_of(*(window(minute, half=0.5) for minute in range(3))) == [1, 2, 3], "most of the window is new"


def test_what_counts_next_is_new_since_the_last_result_that_counted() -> None:
    first = window(0).following(None)
    repeated, other = window(2).following(first), window(3, state="ok").following(first)
    assert (first.in_a_row, first.counted_until) == (1, first.last)
    assert (repeated.in_a_row, repeated.counted_until) == (1, first.last)
    assert (other.in_a_row, other.counted_until) == (1, other.last)
    at_the_edge = window(5).following(first)  # the middle is at the end of the first window, and half is not yet new
    assert (at_the_edge.in_a_row, at_the_edge.counted_until) == (1, first.last)
    second = window(6).following(at_the_edge)
    assert (second.in_a_row, second.counted_until) == (2, second.last)


def test_a_result_that_disagrees_begins_a_new_row() -> None:
    assert rows_of(window(0), window(10), window(20, state="ok"), window(30), window(40)) == [1, 2, 1, 1, 2]
    assert rows_of(window(0), window(10, attribution="content"), window(20, attribution="content")) == [1, 1, 2]


def test_a_result_of_an_earlier_release_is_followed_and_follows_nothing() -> None:
    unknown = {"middle": None, "independent": None}
    assert rows_of(window(0, **unknown), window(2), window(6), window(20)) == [1, 1, 2, 3]
    assert rows_of(window(0), window(20, **unknown)) == [1, 1]
