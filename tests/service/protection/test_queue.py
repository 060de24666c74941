"""The queue: one request computes at a time, clients take turns, and no more wait than there are places."""

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
ONE, OTHER, THIRD = "key:one", "address:192.0.2.7", "address:192.0.2.8"


def test_the_turn_is_one_persons_at_a_time() -> None:
    queue = Queue(places=64, patience=LONG)
    inside: list[int] = []
    most: list[int] = []

    def pass_through(number: int) -> bool:
        entered = queue.enter(ONE)
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
    assert queue.enter(ONE)
    order: list[int] = []

    def go(number: int) -> None:
        queue.enter(ONE)
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
    assert not queue.refuse(OTHER)
    assert queue.enter(ONE)
    assert queue.refuse(OTHER)
    assert not queue.enter(ONE)
    queue.leave()
    assert queue.enter(ONE)


def test_in_an_overload_one_waits_and_after_it_as_many_as_there_are_places(wait_until: WaitUntil) -> None:
    queue = Queue(places=3, patience=LONG)
    with ThreadPoolExecutor(4) as pool:
        turns = [pool.submit(queue.enter, ONE) for _ in range(4)]
        wait_until(lambda: len(queue._waiting) == 3, what="a full queue")
        assert all(queue.refuse(ONE) for _ in range(MANY))
        queue.leave()
        queue.leave()
        assert len(queue._waiting) == 1
        assert queue.refuse(ONE), "two places are free, but not in an overload"
        queue.leave()
        assert not queue.refuse(ONE)
        queue.leave()
        assert all(turn.result() for turn in turns)
        time.sleep(4 * DECAY_SECONDS)
        turns = [pool.submit(queue.enter, ONE) for _ in range(3)]
        wait_until(lambda: len(queue._waiting) == 2, what="two in the queue")
        assert not queue.refuse(ONE), "a burst is no overload"
        for _ in turns:
            queue.leave()


def test_a_few_clients_that_retry_at_once_are_no_overload_for_good(
    wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [201 * RESET_SECONDS - DECAY_SECONDS / 100]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    queue = Queue(places=3, patience=LONG)
    assert queue.enter(ONE)
    with ThreadPoolExecutor(3) as pool:
        for waiting in range(1, 4):
            pool.submit(queue.enter, ONE)
            wait_until(lambda waiting=waiting: len(queue._waiting) == waiting, what="the next in the queue")
        assert all(queue.refuse(ONE) for _ in range(MANY))
        queue.leave()
        assert queue.refuse(ONE)
        clock[0] = 201 * RESET_SECONDS
        assert not queue.refuse(ONE), "the queue has room for it"
        for _ in range(3):
            queue.leave()


def test_a_long_queue_that_refuses_nobody_is_no_overload(wait_until: WaitUntil) -> None:
    queue = Queue(places=3, patience=LONG)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(queue.enter, ONE)
        wait_until(lambda: len(queue._waiting) == 2, what="two in the queue")
        assert not queue.refuse(ONE)
        for _ in range(3):
            queue.leave()


def test_who_loses_patience_leaves_the_line_to_others() -> None:
    queue = Queue(places=1, patience=0.01)
    assert queue.enter(ONE)
    assert not queue.enter(ONE)
    assert not queue.refuse(OTHER)
    queue.leave()
    assert queue.enter(ONE)


def test_a_turn_that_comes_as_patience_ends_is_not_lost() -> None:
    queue = Queue(places=64, patience=0.0001)

    def hurry(_: int) -> bool:
        if entered := queue.enter(ONE):
            queue.leave()
        return entered

    with ThreadPoolExecutor(16) as pool:
        assert any(pool.map(hurry, range(2_000)))
    assert queue.enter(ONE), "somebody left with the turn"


class Line:
    """Requests of clients that each compute for a given time, on a clock that the test moves."""

    def __init__(self, queue: Queue, clock: list[float], wait_until: WaitUntil) -> None:
        self.queue, self.clock, self.wait_until = queue, clock, wait_until
        self.order: list[str] = []
        self.refused: list[str] = []

    def arrive(self, *clients: str) -> None:
        """Send a request of each client, one after the other; each waits or is refused before the next is sent."""
        for client in clients:
            before, done = self.queue._arrived, threading.Event()
            thread = threading.Thread(target=self._come, args=(client, done), daemon=True)
            thread.start()
            self.wait_until(lambda before=before, done=done: done.is_set() or self._waits(before + 1), what="a place")

    def _waits(self, number: int) -> bool:
        return any(place.number == number for place in self.queue._waiting)

    def compute(self, seconds: float) -> None:
        """Let the request with the turn compute for so long."""
        self.clock[0] += seconds
        before = len(self.order)
        waiting = bool(self.queue._waiting)
        self.queue.leave()
        self.wait_until(lambda: not waiting or len(self.order) > before, what="the next turn")

    def _come(self, client: str, done: threading.Event) -> None:
        (self.order if self.queue.enter(client) else self.refused).append(client)
        done.set()


@pytest.fixture
def line(wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch) -> Line:
    clock = [1_000.0]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    return Line(Queue(places=4, patience=LONG), clock, wait_until)


def test_the_turn_goes_to_the_client_that_has_computed_least_not_to_the_one_that_asks_most(line: Line) -> None:
    line.arrive(ONE, ONE, ONE, ONE, OTHER)
    for _ in range(5):
        line.compute(1.0)
    assert line.order == [ONE, OTHER, ONE, ONE, ONE]


def test_two_clients_that_both_ask_without_end_share_the_time_and_not_the_turns(line: Line) -> None:
    seconds = {ONE: 1.0, OTHER: 0.1}
    line.arrive(ONE, ONE, OTHER, OTHER)
    for _ in range(60):
        now = line.order[-1]
        line.compute(seconds[now])
        line.arrive(now)
    had = {client: line.order.count(client) * seconds[client] for client in seconds}
    assert had[ONE] == pytest.approx(had[OTHER], abs=2 * seconds[ONE])
    for _ in range(4):
        line.compute(0.0)


def test_a_client_that_was_away_does_not_catch_up(line: Line) -> None:
    line.arrive(ONE)
    for _ in range(50):
        line.arrive(ONE)
        line.compute(1.0)
    line.arrive(ONE, OTHER, OTHER, OTHER)
    for _ in range(5):
        line.compute(1.0)
    assert line.order[51:] == [OTHER, ONE, OTHER, OTHER]


def test_a_full_queue_makes_room_for_a_stranger_at_the_expense_of_the_client_that_has_most_in_it(line: Line) -> None:
    line.arrive(ONE, OTHER, ONE, ONE, ONE)
    assert len(line.queue._waiting) == 4
    assert line.queue.refuse(ONE), "it has most itself"
    assert not line.queue.refuse(THIRD)
    line.arrive(THIRD)
    line.wait_until(lambda: line.refused == [ONE], what="one of its requests to be sent away")
    assert sorted(place.client for place in line.queue._waiting) == sorted([ONE, ONE, OTHER, THIRD])
    assert {place.number for place in line.queue._waiting if place.client == ONE} == {3, 4}, "its newest was sent away"
    for _ in range(5):
        line.compute(0.1)


def test_while_one_client_floods_the_queue_others_wait_in_it_as_ever(line: Line) -> None:
    line.arrive(ONE, ONE, ONE, ONE, ONE)
    assert all(line.queue.refuse(ONE) for _ in range(MANY))
    for _ in range(3):
        line.compute(0.0)
    assert line.queue.refuse(ONE), "of this client one request waits"
    line.arrive(OTHER, OTHER, THIRD)
    assert [place.client for place in line.queue._waiting] == [ONE, OTHER, OTHER, THIRD]
    while line.queue._computing:
        line.compute(0.1)


def test_a_crowd_of_strangers_is_an_overload_in_which_one_waits(line: Line) -> None:
    clients = [f"address:192.0.2.{number}" for number in range(5)]
    line.arrive(*clients)
    assert line.queue.refuse("")
    assert all(line.queue.refuse("") for _ in range(MANY))
    for _ in range(3):
        line.compute(0.0)
    assert len(line.queue._waiting) == 1
    assert line.queue.refuse(""), "three places are free, but not in an overload"
    line.compute(0.0)
    line.compute(0.0)


def test_a_long_request_lets_another_client_go_first_between_its_steps(line: Line) -> None:
    line.arrive(ONE)
    line.arrive(ONE, OTHER)
    line.clock[0] += 1.0
    paused = threading.Thread(target=line.queue.pause)
    paused.start()
    line.wait_until(lambda: line.order == [ONE, OTHER], what="the other client's turn")
    assert len(line.queue._waiting) == 2, "a request that pauses keeps its place"
    line.compute(1.0)
    assert line.order == [ONE, OTHER, ONE], "of one client's requests the one that has computed least goes first"
    line.queue.leave()
    paused.join()
    assert line.queue._computing is not None
    assert line.queue._computing.number == 1
    assert line.queue.pause() == 0, "there is nobody else"
    line.compute(0.0)


def test_a_batch_lets_a_single_image_of_its_own_client_go_first(line: Line) -> None:
    line.arrive(ONE)
    line.arrive(ONE)
    line.clock[0] += 1.0
    paused = threading.Thread(target=line.queue.pause)
    paused.start()
    line.wait_until(lambda: line.order == [ONE, ONE], what="the turn of the second request")
    line.queue.leave()
    paused.join()
    line.compute(0.0)


def test_a_request_that_has_paused_for_long_goes_on_before_everybody_else(wait_until: WaitUntil) -> None:
    queue = Queue(places=4, patience=0.01)
    assert queue.enter(ONE)
    entered: list[str] = []

    def come(client: str) -> None:
        if queue.enter(client):
            entered.append(client)

    others = [threading.Thread(target=come, args=(client,)) for client in (OTHER, THIRD)]
    queue._patience = LONG
    for other in others:
        other.start()
    wait_until(lambda: len(queue._waiting) == 2, what="both others")
    queue._patience = 0.01
    paused: list[float] = []
    pausing = threading.Thread(target=lambda: paused.append(queue.pause()))
    pausing.start()
    wait_until(lambda: any(place.is_next for place in queue._waiting), what="its patience to end")
    queue.leave()
    pausing.join()
    assert len(entered) == 1, "one of the others still waits"
    assert paused[0] >= module.PAUSES * 0.01
    assert queue.pause() == 0, "it has paused enough"
    queue.leave()
    for other in others:
        other.join()


def test_the_queue_remembers_no_client_for_longer_than_it_is_busy(line: Line) -> None:
    for number in range(100):
        line.arrive(f"address:192.0.2.{number}", f"address:198.51.100.{number}")
        line.compute(1.0)
        line.compute(1.0)
        assert len(line.queue._clocks) <= 2
    while line.queue._computing:
        line.compute(0.0)
    assert line.queue._clocks == {}
    assert len(line.queue._loads) <= 2 * RESET_SECONDS


def test_who_hands_on_the_turn_is_scored_while_the_next_one_computes() -> None:
    queue = Queue(places=0, patience=LONG)
    assert queue.enter(ONE)
    first = queue.share(2)
    assert first is not None
    assert queue.enter(ONE)
    second = queue.share(2)
    assert second is not None
    assert queue.enter(OTHER)
    assert queue.share(2) is None, "two are scored already, so the third keeps the turn"
    assert queue.refuse(OTHER)
    queue.leave(first, seconds=1.0)
    queue.leave(second, seconds=1.0)
    queue.leave()
    assert not queue.refuse(OTHER)


def test_the_time_of_scoring_counts_for_the_client(wait_until: WaitUntil) -> None:
    queue = Queue(places=4, patience=LONG)
    assert queue.enter(ONE)
    place = queue.share(2)
    assert queue.enter(THIRD)
    order: list[str] = []

    def go(client: str) -> None:
        queue.enter(client)
        order.append(client)
        queue.leave()

    threads = [threading.Thread(target=go, args=(client,)) for client in (ONE, OTHER)]
    for waiting, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(lambda waiting=waiting: len(queue._waiting) == waiting, what="the next in the queue")
    queue.leave(place, seconds=LONG)
    queue.leave()
    for thread in threads:
        thread.join()
    assert order == [OTHER, ONE], "what was scored for ONE took longer"


def test_a_client_of_whom_nobody_waits_cannot_be_sent_away(wait_until: WaitUntil) -> None:
    queue = Queue(places=1, patience=LONG)
    places = []
    for _ in range(3):
        assert queue.enter(ONE)
        places.append(queue.share(8))
    assert queue.enter(OTHER)
    waiting = threading.Thread(target=queue.enter, args=(THIRD,))
    waiting.start()
    wait_until(lambda: len(queue._waiting) == 1, what="the third in the queue")
    assert not queue.enter(ONE)
    assert not queue.enter(OTHER)
    for place in places:
        queue.leave(place)
    queue.leave()
    waiting.join()
    queue.leave()
