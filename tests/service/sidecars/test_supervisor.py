"""A child is restarted when it ends, and ended by `stop`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from service.sidecars import supervisor
from service.sidecars.supervisor import Supervisor


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.5)
    record = tmp_path / "pids"
    record.touch()
    return lambda: [int(line) for line in record.read_text().split()]


def build(tmp_path: Path, then: str) -> Supervisor:
    note = f"import os, signal, time; print(os.getpid(), file=open({str(tmp_path / 'pids')!r}, 'a'), flush=True)"
    return Supervisor([sys.executable, "-c", f"{note}\n{then}"])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_killed_child_is_restarted(tmp_path: Path, starts: Callable[[], list[int]]) -> None:
    supervised = build(tmp_path, "time.sleep(60)")
    supervised.start()
    wait_for(lambda: len(starts()) == 1)
    psutil.Process(starts()[0]).kill()
    wait_for(lambda: len(starts()) == 2)
    supervised.stop()
    assert not psutil.pid_exists(starts()[1])


def test_a_child_that_ends_at_once_is_tried_again_and_again(tmp_path: Path, starts: Callable[[], list[int]]) -> None:
    supervised = build(tmp_path, "")
    supervised.start()
    wait_for(lambda: len(starts()) >= 3)
    supervised.stop()
    count = len(starts())
    time.sleep(0.3)
    assert len(starts()) == count, "a stopped supervisor must not start anything"


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path, starts: Callable[[], list[int]]) -> None:
    deaf = tmp_path / "deaf"
    supervised = build(tmp_path, f"signal.signal(15, signal.SIG_IGN); open({str(deaf)!r}, 'w'); time.sleep(60)")
    supervised.start()
    wait_for(deaf.exists)
    supervised.stop()
    assert not psutil.pid_exists(starts()[0])
