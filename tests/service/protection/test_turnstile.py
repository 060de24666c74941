"""The turnstile: one at a time, in order, and never more in line than there are places."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from service.protection.turnstile import Turnstile

WaitUntil = Callable[..., None]
LONG = 60.0


def test_the_turn_is_one_persons_at_a_time() -> None:
    turnstile = Turnstile(places=64, patience=LONG)
    inside: list[int] = []
    most: list[int] = []

    def pass_through(number: int) -> bool:
        entered = turnstile.enter()
        inside.append(number)
        most.append(len(inside))
        inside.remove(number)
        turnstile.leave()
        return entered

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(pass_through, range(500)))
    assert max(most) == 1


def test_who_came_first_goes_first(wait_until: WaitUntil) -> None:
    turnstile = Turnstile(places=4, patience=LONG)
    assert turnstile.enter()
    order: list[int] = []

    def go(number: int) -> None:
        turnstile.enter()
        order.append(number)
        turnstile.leave()

    threads = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for waiting, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(lambda waiting=waiting: len(turnstile._line) == waiting, what="the next in line")
    turnstile.leave()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


def test_when_the_line_is_full_the_next_is_turned_away_at_once() -> None:
    turnstile = Turnstile(places=0, patience=LONG)
    assert not turnstile.full
    assert turnstile.enter()
    assert turnstile.full
    assert not turnstile.enter()
    turnstile.leave()
    assert turnstile.enter()


def test_who_loses_patience_leaves_the_line_to_others() -> None:
    turnstile = Turnstile(places=1, patience=0.01)
    assert turnstile.enter()
    assert not turnstile.enter()
    assert not turnstile.full
    turnstile.leave()
    assert turnstile.enter()


def test_a_turn_that_comes_as_patience_ends_is_not_lost() -> None:
    turnstile = Turnstile(places=64, patience=0.0001)

    def hurry(_: int) -> bool:
        if entered := turnstile.enter():
            turnstile.leave()
        return entered

    with ThreadPoolExecutor(16) as pool:
        assert any(pool.map(hurry, range(2_000)))
    assert turnstile.enter(), "somebody left with the turn"
