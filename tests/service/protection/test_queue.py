"""The queue: one request at a time, in order, and never more waiting than there are places."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import service.protection.queue as module
from service.protection.queue import DECAY_SECONDS, RESET_SECONDS, Queue

WaitUntil = Callable[..., None]
LONG = 60.0
MANY = 16


def test_the_turn_is_one_persons_at_a_time() -> None:
    queue = Queue(places=64, patience=LONG)
    inside: list[int] = []
    most: list[int] = []

    def pass_through(number: int) -> bool:
        entered = queue.enter()
        inside.append(number)
        most.append(len(inside))
        inside.remove(number)
        queue.leave()
        return entered

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(pass_through, range(500)))
    assert max(most) == 1


def test_who_came_first_goes_first(wait_until: WaitUntil) -> None:
    queue = Queue(places=4, patience=LONG)
    assert queue.enter()
    order: list[int] = []

    def go(number: int) -> None:
        queue.enter()
        order.append(number)
        queue.leave()

    threads = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for waiting, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(lambda waiting=waiting: len(queue._waiting) == waiting, what="the next in the queue")
    queue.leave()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


def test_when_the_queue_is_full_the_next_is_refused_at_once() -> None:
    queue = Queue(places=0, patience=LONG)
    assert not queue.full
    assert queue.enter()
    assert queue.full
    assert not queue.enter()
    queue.leave()
    assert queue.enter()


def test_in_an_overload_one_waits_and_after_it_as_many_as_there_are_places(wait_until: WaitUntil) -> None:
    queue = Queue(places=3, patience=LONG)
    with ThreadPoolExecutor(4) as pool:
        turns = [pool.submit(queue.enter) for _ in range(4)]
        wait_until(lambda: queue.full, what="a full queue")
        assert all(queue.refuse() for _ in range(MANY))
        queue.leave()
        queue.leave()
        assert len(queue._waiting) == 1
        assert queue.full, "two places are free, but not in an overload"
        queue.leave()
        assert not queue.full
        queue.leave()
        assert all(turn.result() for turn in turns)
        time.sleep(4 * DECAY_SECONDS)
        turns = [pool.submit(queue.enter) for _ in range(3)]
        wait_until(lambda: len(queue._waiting) == 2, what="two in the queue")
        assert not queue.full, "a burst is no overload"
        for _ in turns:
            queue.leave()


def test_a_few_clients_that_retry_at_once_are_no_overload_for_good(
    wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [201 * RESET_SECONDS - DECAY_SECONDS / 100]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    queue = Queue(places=3, patience=LONG)
    assert queue.enter()
    with ThreadPoolExecutor(3) as pool:
        for waiting in range(1, 4):
            pool.submit(queue.enter)
            wait_until(lambda waiting=waiting: len(queue._waiting) == waiting, what="the next in the queue")
        assert all(queue.refuse() for _ in range(MANY))
        queue.leave()
        assert queue.refuse()
        clock[0] = 201 * RESET_SECONDS
        assert not queue.refuse(), "the queue has room for it"
        for _ in range(3):
            queue.leave()


def test_a_long_queue_that_refuses_nobody_is_no_overload(wait_until: WaitUntil) -> None:
    queue = Queue(places=3, patience=LONG)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(queue.enter)
        wait_until(lambda: len(queue._waiting) == 2, what="two in the queue")
        assert not queue.refuse()
        for _ in range(3):
            queue.leave()


def test_who_loses_patience_leaves_the_line_to_others() -> None:
    queue = Queue(places=1, patience=0.01)
    assert queue.enter()
    assert not queue.enter()
    assert not queue.full
    queue.leave()
    assert queue.enter()


def test_a_turn_that_comes_as_patience_ends_is_not_lost() -> None:
    queue = Queue(places=64, patience=0.0001)

    def hurry(_: int) -> bool:
        if entered := queue.enter():
            queue.leave()
        return entered

    with ThreadPoolExecutor(16) as pool:
        assert any(pool.map(hurry, range(2_000)))
    assert queue.enter(), "somebody left with the turn"
