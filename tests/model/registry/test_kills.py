"""Promoters that race, or are killed at any step, leave one version in production and a history without gaps."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from model.registry import promotion
from model.registry.promotion import repair
from model.registry.state import look
from truegrain_bench.measurements.promotion import Ring, Tally, kill, race
from truegrain_rig.promoters import KILLED, PATIENCE, Promoter, violations

WRITTEN = 4
"""A promotion killed before this call has written the history but moved no alias."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in PATIENCE.items():
        monkeypatch.setenv(variable, value)


@pytest.fixture(scope="module")
def ring(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Ring:
    """A model with four versions; version 1 was promoted, then version 2."""
    return Ring(mlflow_server, tmp_path_factory.mktemp("ring"), "ring")


@pytest.fixture
def fresh_ring(mlflow_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Ring:
    """A model like `ring`, for one test alone."""
    return Ring(mlflow_server, tmp_path, request.node.name)


@pytest.mark.parametrize(("what", "stride"), [("promotion", 1), ("rollback", 3)])
def test_whatever_is_killed_anywhere_is_finished_by_the_next_or_has_not_begun(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, what: str, stride: int
) -> None:
    monkeypatch.setattr(promotion, "SECOND_LOOK_SECONDS", 0)
    seen = set()
    for step in range(0, 100, stride):
        production, previous = (ring.registry.resolve(alias) for alias in ("production", "previous"))
        assert production is not None
        assert previous is not None
        to = "" if what == "rollback" else previous.version
        ended = ring.promoter(to, dies_at=step).start()()
        repair(ring.registry)
        assert ring.wrong() == 0
        after = ring.registry.resolve("production")
        assert after is not None
        seen.add(after.version == previous.version)
        if ended != KILLED:
            break
    assert ended == 0
    assert step >= 10
    assert seen == {True, False}


def test_a_rollback_that_is_killed_anywhere_and_repeated_goes_back_once(
    fresh_ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "SECOND_LOOK_SECONDS", 0)
    for step in range(0, 100, 3):
        good = fresh_ring.registry.resolve("previous")
        assert good is not None
        rollback = replace(fresh_ring.promoter(""), request=f"rollback {step}")
        ended = replace(rollback, dies_at=step).start()()
        for _ in range(2):
            rollback.act()
            production = fresh_ring.registry.resolve("production")
            assert production is not None
            assert production.version == good.version
        assert fresh_ring.wrong() == 0
        if ended != KILLED:
            break
    assert ended == 0
    changes = look(fresh_ring.registry).history.changes[2:]
    assert [change.request for change in changes] == [f"rollback {at}" for at in range(0, step + 1, 3)]


def test_what_a_person_does_before_a_killed_promotion_is_finished_is_what_counts(
    fresh_ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "SECOND_LOOK_SECONDS", 0)
    client, name = fresh_ring.registry.client, fresh_ring.registry.model_name
    assert fresh_ring.promoter("3", dies_at=WRITTEN).start()() == KILLED
    client.set_registered_model_alias(name, "production", "4")
    repair(fresh_ring.registry)
    assert fresh_ring.promoter("3", dies_at=WRITTEN).start()() == KILLED
    client.delete_model_version(name, "3")
    repair(fresh_ring.registry)
    changes = [(change.from_version, change.to_version) for change in look(fresh_ring.registry).history.changes]
    assert changes[2:] == [("2", "3"), ("3", "4"), ("4", "3"), ("3", "4")]
    production, previous = (fresh_ring.registry.resolve(alias) for alias in ("production", "previous"))
    assert (production and production.version, previous and previous.version) == ("4", "2")


def test_threads_and_processes_that_race_leave_no_trace_of_it(ring: Ring) -> None:
    assert race(ring, rounds=3) == Tally(done=3, wrong=0)


def test_a_kill_is_followed_by_somebody_who_finds_all_in_order(ring: Ring) -> None:
    assert kill(ring, kills=1) == Tally(done=1, wrong=0)


def test_hosts_without_a_common_lock_still_write_one_history(fresh_ring: Ring, tmp_path: Path) -> None:
    hosts = [replace(fresh_ring.promoter(version), lock=tmp_path / version) for version in ("1", "3", "4")]
    with ThreadPoolExecutor(len(hosts)) as threads:
        list(threads.map(Promoter.act, hosts))
    repair(fresh_ring.registry)
    assert set(violations(fresh_ring.registry)) <= {"hand"}
