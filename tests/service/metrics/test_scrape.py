"""Whoever asks for the metrics holds up nobody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from service.metrics import scrape
from service.metrics.scrape import Shared


class Slow:
    """A reading that takes until `go` is set; it finds its own number."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self) -> tuple[str, str]:
        number = next(self.numbers)
        self.begun.release()
        assert self.go.wait(10)
        return f"reading {number}", "text/plain"


def test_one_after_the_other_each_finds_what_is_so_now() -> None:
    slow = Slow()
    slow.go.set()
    shared = Shared(slow)
    assert [shared.read()[0] for _ in range(3)] == ["reading 1", "reading 2", "reading 3"]


def test_during_a_reading_others_get_what_was_found_a_moment_ago() -> None:
    slow = Slow()
    slow.go.set()
    shared = Shared(slow)
    shared.read()
    slow.go.clear()
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(shared.read)
        assert slow.begun.acquire(timeout=10)
        assert slow.begun.acquire(timeout=10)
        assert [shared.read()[0] for _ in range(20)] == ["reading 1"] * 20
        slow.go.set()
        assert second.result()[0] == "reading 2"


def test_what_is_too_old_is_waited_for_and_read_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "RECENT_SECONDS", 0.0)
    slow = Slow()
    shared = Shared(slow)
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(shared.read)
        assert slow.begun.acquire(timeout=10)
        others = [pool.submit(shared.read) for _ in range(11)]
        slow.go.set()
        assert first.result()[0] == "reading 1"
        assert {other.result()[0] for other in others} <= {"reading 1", "reading 2", "reading 3"}


def test_a_reading_that_fails_is_nobody_elses() -> None:
    results = iter([ValueError("broken"), ("fine", "text/plain")])

    def read() -> tuple[str, str]:
        result = next(results)
        if isinstance(result, ValueError):
            raise result
        return result

    shared = Shared(read)
    with pytest.raises(ValueError, match="broken"):
        shared.read()
    assert shared.read()[0] == "fine"
