"""Old predictions go, a few at a time, and only when the clock can be believed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from made_predictions import predict
from model.predictions import add, find, open_database, prepare
from service.records import retention
from service.records.retention import STEADY_SECONDS, Retention

NOW = datetime.now(UTC)


class Clocks:
    """The wall clock and the one that never jumps."""

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
