"""Old predictions and future-dated ones are deleted, a few at a time, and only while the clock is steady."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from model.monitoring.database import open_database
from model.monitoring.predictions import add, find, prepare
from service.records import retention
from service.records.retention import STEADY_SECONDS, Retention
from support.monitoring import predict

NOW = datetime.now(UTC)


class Clocks:
    """The wall clock, and the clock that never jumps."""

    wall = NOW
    ticks = 1000.0

    def pass_(self, seconds: float, *, jump: float = 0) -> None:
        self.ticks += seconds
        self.wall += timedelta(seconds=seconds + jump)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(retention, "monotonic", lambda: clocks.ticks)
    monkeypatch.setattr(retention, "utc_now", lambda: clocks.wall)
    return clocks


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/predictions.db")
    prepare(engine)
    add(engine, [predict(days, at=NOW - timedelta(days=days)) for days in range(1, 40)])
    yield engine
    engine.dispose()


def put_ahead(engine: Engine, *days: float) -> None:
    """Add a prediction for each number of days ahead."""
    add(engine, [predict(100 + number, at=NOW + timedelta(days=ahead)) for number, ahead in enumerate(days)])


def are_ahead(engine: Engine) -> int:
    return sum(find(engine, predict(100 + number).id, since=NOW) is not None for number in range(40))


@pytest.fixture
def days_left(engine: Engine) -> Callable[[], int]:
    ever = NOW - timedelta(days=1000)
    return lambda: sum(find(engine, predict(days).id, since=ever) is not None for days in range(1, 40))


def test_what_is_too_old_goes_when_the_clock_was_steady_for_a_while(
    engine: Engine, clocks: Clocks, days_left: Callable[[], int]
) -> None:
    keeper = Retention(engine, days=30)
    keeper.step()
    assert days_left() == 39
    clocks.pass_(STEADY_SECONDS)
    keeper.step()
    assert days_left() == 29


def test_it_goes_in_small_portions(
    engine: Engine, clocks: Clocks, days_left: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 4)
    keeper = Retention(engine, days=30)
    clocks.pass_(STEADY_SECONDS)
    left = []
    for _ in range(4):
        keeper.step()
        left.append(days_left())
    assert left == [35, 31, 29, 29]


def test_a_clock_that_jumps_a_year_ahead_and_back_costs_nothing(
    engine: Engine, clocks: Clocks, days_left: Callable[[], int]
) -> None:
    keeper = Retention(engine, days=30)
    clocks.pass_(STEADY_SECONDS / 2, jump=365 * 86_400)
    clocks.pass_(STEADY_SECONDS / 2)
    keeper.step()
    clocks.pass_(STEADY_SECONDS, jump=-365 * 86_400)
    keeper.step()
    assert days_left() == 39
    clocks.pass_(STEADY_SECONDS)
    keeper.step()
    assert days_left() == 29


def test_a_clock_that_was_set_for_good_is_believed_after_a_while(
    engine: Engine, clocks: Clocks, days_left: Callable[[], int]
) -> None:
    keeper = Retention(engine, days=30)
    clocks.pass_(STEADY_SECONDS, jump=5 * 86_400)
    keeper.step()
    clocks.pass_(STEADY_SECONDS)
    keeper.step()
    assert days_left() == 24


def test_predictions_of_another_day_to_come_go_when_the_clock_was_steady(
    engine: Engine, clocks: Clocks, days_left: Callable[[], int]
) -> None:
    put_ahead(engine, 0.9, 2, 400)
    keeper = Retention(engine, days=60)
    keeper.step()
    assert are_ahead(engine) == 3
    clocks.pass_(STEADY_SECONDS)
    with capture_logs() as lines:
        keeper.step()
    assert are_ahead(engine) == 1, "that which clocks may differ by stays"
    assert days_left() == 39
    assert [line["count"] for line in lines] == [2]


def test_a_clock_that_lags_behind_that_of_the_database_is_not_what_predictions_are_ahead_of(
    engine: Engine, clocks: Clocks, days_left: Callable[[], int]
) -> None:
    keeper = Retention(engine, days=60)
    clocks.wall -= timedelta(days=20)
    keeper.step()
    for _ in range(2):
        clocks.pass_(STEADY_SECONDS)
        keeper.step()
    assert days_left() == 39


def test_where_most_predictions_are_ahead_the_clock_is_behind(engine: Engine, clocks: Clocks) -> None:
    put_ahead(engine, *range(2, 42))
    keeper = Retention(engine, days=60)
    clocks.pass_(STEADY_SECONDS)
    keeper.step()
    assert are_ahead(engine) == 40
