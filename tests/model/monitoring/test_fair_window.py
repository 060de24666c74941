"""No client has more than a share of the window of drift, and an honest client alone fills the window."""

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from model.monitoring.database import opened
from model.monitoring.fair_window import REACHES, Candidate, FairWindow
from model.monitoring.predictions import ANONYMOUS, Prediction, add, prepare
from model.monitoring.windows import find_newest, read_window
from support.monitoring import predict

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with opened(f"sqlite:///{tmp_path / 'predictions.db'}") as engine:
        prepare(engine)
        yield engine


class Log:
    """A log of predictions by version 7, each with its own number."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._number = 0

    def send(self, count: int, client: str, *, ago: timedelta, over: timedelta, **facts: object) -> list[str]:
        """Log so many predictions, evenly spread over a past period; return their ids."""
        rows: list[Prediction] = []
        for step in range(count):
            self._number += 1
            at = NOW - ago - over * (step / count)
            rows.append(predict(self._number, at=at, client=client, **facts))
        add(self._engine, rows)
        return [row.id for row in rows]

    def window(self, most: int) -> list[str]:
        return list(read_window(self._engine, model_version="7", model_sha256="5e" * 32, most=most, until=NOW).ids)


@pytest.fixture
def log(engine: Engine) -> Log:
    return Log(engine)


def share(window: list[str], ids: list[str]) -> float:
    return len(set(window) & set(ids)) / len(window)


def test_a_client_with_a_key_who_is_alone_has_the_newest_predictions_as_ever(log: Log) -> None:
    log.send(300, "shop", ago=HOUR, over=24 * HOUR)
    burst = log.send(100, "shop", ago=timedelta(), over=timedelta(seconds=4))
    assert log.window(100) == burst[::-1]


def test_a_flood_without_a_key_has_a_small_share_however_large_it_is(log: Log) -> None:
    log.send(500, ANONYMOUS, ago=timedelta(minutes=10), over=20 * HOUR)
    flood = log.send(3000, ANONYMOUS, ago=timedelta(), over=timedelta(seconds=4))
    window = log.window(100)
    assert len(window) == 100
    assert share(window, flood) <= 0.08


def test_a_flood_without_a_key_has_a_small_share_where_the_rest_just_fills_the_window(log: Log) -> None:
    log.send(110, ANONYMOUS, ago=timedelta(minutes=10), over=9 * HOUR)
    flood = log.send(3000, ANONYMOUS, ago=timedelta(), over=timedelta(seconds=4))
    window = log.window(100)
    assert len(window) == 100
    assert share(window, flood) <= 0.08


def test_steady_traffic_without_keys_is_looked_at_as_it_comes(log: Log) -> None:
    log.send(2000, ANONYMOUS, ago=HOUR, over=24 * HOUR)
    steady = log.send(100, ANONYMOUS, ago=timedelta(), over=timedelta(minutes=59))
    assert log.window(100) == steady[::-1]


def test_a_burst_without_a_key_fills_the_window_where_there_is_nothing_else(log: Log) -> None:
    before = log.send(120, ANONYMOUS, ago=timedelta(seconds=60), over=timedelta(seconds=5))
    burst = log.send(100, ANONYMOUS, ago=timedelta(), over=timedelta(seconds=5))
    window = log.window(100)
    assert len(window) == 100
    assert share(window, burst) >= 0.9
    assert share(window, before) <= 0.1


@pytest.mark.parametrize("sender", ["mallory", ANONYMOUS])
def test_of_several_clients_one_has_at_most_half_as_long_as_the_others_fill_the_rest(log: Log, sender: str) -> None:
    honest = log.send(80, "shop", ago=2 * HOUR, over=24 * HOUR)
    flood = log.send(2000, sender, ago=timedelta(), over=HOUR)
    window = log.window(100)
    assert share(window, flood) == share(window, honest) == 0.5
    newest = sorted(honest, key=honest.index)[:50]
    assert set(newest) <= set(window)


def test_a_second_client_who_sends_next_to_nothing_takes_no_room(log: Log) -> None:
    probe = log.send(3, "probe", ago=timedelta(minutes=1), over=HOUR)
    shop = log.send(500, "shop", ago=timedelta(), over=HOUR)
    window = log.window(100)
    assert Counter("probe" if id_ in probe else "shop" for id_ in window) == {"probe": 3, "shop": 97}
    assert set(shop[:97]) <= set(window)


def test_an_image_counts_once_however_often_it_is_sent(log: Log) -> None:
    again = log.send(500, "shop", ago=timedelta(), over=HOUR, image_sha256="a" * 64)
    others = log.send(60, "shop", ago=HOUR, over=HOUR)
    window = set(log.window(100))
    assert window & set(again) == {again[0]}
    assert len(window & set(others)) >= 50


def test_a_client_who_never_stops_makes_what_is_seen_of_others_no_older(log: Log) -> None:
    """It sends thirty images for each one of theirs."""
    log.send(1_000, "shop", ago=96 * HOUR, over=600 * HOUR)
    recent = log.send(160, "shop", ago=timedelta(), over=96 * HOUR)
    log.send(4_800, "eve", ago=timedelta(), over=96 * HOUR)
    window = log.window(100)
    assert share(window, recent) >= 0.5


def test_the_window_is_oldest_first_and_the_newest_is_known_though_it_is_of_the_future(
    log: Log, engine: Engine
) -> None:
    of_version = {"model_version": "7", "model_sha256": "5e" * 32}
    assert find_newest(engine, **of_version) is None
    log.send(30, ANONYMOUS, ago=timedelta(), over=HOUR)
    window = read_window(engine, **of_version, most=20, until=NOW)
    assert window.first is not None and window.last == NOW and window.first < window.last
    log.send(1, ANONYMOUS, ago=-HOUR, over=HOUR)
    assert find_newest(engine, **of_version) == NOW + HOUR
    assert read_window(engine, **of_version, most=20, until=NOW).last == NOW


def test_the_moments_of_a_reach_leave_no_gap() -> None:
    for reach in REACHES:
        found = FairWindow(100, NOW, ANONYMOUS).slices(reach)
        assert found[0][1] == NOW
        assert abs(found[-1][0] - (NOW - reach)) < timedelta(seconds=1)
        assert all(earlier[1] == later[0] for later, earlier in itertools.pairwise(found))


@pytest.mark.parametrize("most", [1, 7, 100])
def test_never_more_are_chosen_than_asked_for_and_none_twice(most: int) -> None:
    candidates = [
        Candidate(f"{number:032x}", NOW - number * timedelta(minutes=1), "abc"[number % 3], f"{number % 40:064x}")
        for number in range(90)
    ]
    window = FairWindow(most, NOW, "a")
    chosen = window.choose(candidates)
    assert len(chosen) == min(most, 40) == len({one.image_sha256 for one in chosen})
    assert window.share_of_slice * len(window.slices(HOUR)) >= most
