"""Load shedding: one request at a time computes, a few wait in a queue, the rest are refused with 503 at once.

onnxruntime fills a core, so requests that compute side by side only delay each other. A client that is refused at once
can try again, and requests in the queue are answered as fast as ever.

Clients share the core fairly (infra/docs/decisions/0021-a-client-has-a-share.md). The turn goes to the client that has
computed least. A full queue makes room by refusing a request of the client with the most places.
"""

import math
import threading
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

OVERLOAD: Final = 1 / 2
"""Refused requests for each request let in, above which there is an overload."""

DECAY_SECONDS: Final = 0.25
"""How fast earlier requests fade from the ratio OVERLOAD: after this time they count for 1/e."""

RESET_SECONDS: Final = 20.0
"""Every 20 s all workers reset their counts of refused requests, at multiples of this of the host's clock.

Otherwise a handful of clients that retry at once could keep the service in overload mode."""

PAUSES: Final = 10
"""Longest pause of a request in all, as a multiple of the queue's patience; then the request computes to its end."""


@dataclass(eq=False)
class Place:
    """A request that waits or computes; `number` grows with each arrival, `began` is when it got the turn.

    `computed` and `paused` are seconds.
    """

    client: str
    number: int
    answered: threading.Event = field(default_factory=threading.Event)
    has_turn: bool = False
    began: float = 0.0
    computed: float = 0.0
    paused: float = 0.0
    is_next: bool = False


@dataclass
class _Load:
    """How many requests were let in and refused lately; older requests count less."""

    since: float
    let_in: float = 0.0
    refused: float = 0.0

    @property
    def is_overload(self) -> bool:
        """Whether so many requests were refused that the queue would stay full."""
        self._decay()
        return self.refused > 1 + OVERLOAD * self.let_in  # 1: a single refused request is no overload

    def count(self, *, refused: bool) -> None:
        """Add a request that was let in, or refused, now."""
        self._decay()
        self.refused += refused
        self.let_in += not refused

    def _decay(self) -> None:
        now = monotonic()
        kept = 0.0 if _period(now) > _period(self.since) else math.exp((self.since - now) / DECAY_SECONDS)
        self.let_in *= kept
        self.refused *= kept
        self.since = now


def _period(moment: float) -> float:
    return moment // RESET_SECONDS


class Queue:
    """Lets one request compute at a time, and the clients in turn, each in the order of its requests.

    At most `places` requests wait, each at most `patience` seconds. The queue is there for bursts. In an overload a
    full queue would only delay every request ("Controlling Queue Delay", Nichols and Jacobson, 2012):

    The turn is given by fair queueing ("WF2Q+", Bennett and Zhang, 1997):

    1. Each client has a clock that runs while it computes. The client whose clock is furthest behind goes first.
    2. The queue has a clock that runs as if all its clients computed side by side.
    3. A client that was away does not catch up: its clock is set to the queue's clock, unless its own is ahead.
    4. Of one client's requests, the request that has computed least goes first.
    """

    def __init__(self, *, places: int, patience: float) -> None:
        self._places = places
        self._patience = patience
        self._lock = threading.Lock()
        self._computing: Place | None = None
        self._waiting: list[Place] = []
        self._scored: list[Place] = []
        self._arrived = 0
        self._clock = 0.0
        self._clocks: dict[str, float] = {}
        self._crowd = _Load(monotonic())
        self._loads: dict[str, _Load] = {}
        self._period = _period(monotonic())

    def refuse(self, client: str) -> bool:
        """Return whether the queue has no place for a request of `client`, which then counts as refused."""
        with self._lock:
            return self._refuse(client)

    def enter(self, client: str) -> bool:
        """Wait for the turn; return whether it came. After a turn, `leave` must be called, from any thread."""
        with self._lock:
            if self._refuse(client):
                return False
            for load in (self._crowd, self._load_of(client)):
                load.count(refused=False)
            self._arrived += 1
            place = Place(client, self._arrived)
            if client not in self._clocks or not self._held()[client]:
                self._clocks[client] = max(self._clock, self._clocks.get(client, 0.0))
            if self._computing is None:
                self._give_turn(place)
                return True
            if len(self._waiting) >= self._most_waiting:
                self._send_away_one()
            self._waiting.append(place)
        place.answered.wait(self._patience)
        with self._lock:
            if not place.answered.is_set():
                self._waiting.remove(place)
            return place.has_turn

    def pause(self) -> float:
        """Let a client, or a request of the same client, go first that has computed less; return for how many seconds.

        The request with the turn calls this between two steps of a long computation. It keeps its place.
        """
        with self._lock:
            place = self._computing
            if place is None or place.paused >= PAUSES * self._patience:
                return 0.0
            self._count_time(place)
            place.has_turn = False
            if self._first_of([*self._waiting, place]) is place:
                self._give_turn(place)
                return 0.0
            place.answered.clear()
            self._waiting.append(place)
            self._pass_on()
        began = monotonic()
        if not place.answered.wait(PAUSES * self._patience - place.paused):
            with self._lock:
                place.is_next = not place.has_turn
            place.answered.wait()
        seconds = monotonic() - began
        place.paused += seconds
        return seconds

    def is_busy(self) -> bool:
        """Whether a request has the turn."""
        return self._computing is not None

    def share(self, most: int) -> Place | None:
        """Hand on the turn before the end, so that the next request decodes while the detector scores this one.

        The request then counts as scored, not as waiting, until `leave` is called with the returned place. Returns
        None, and the request keeps the turn, while `most` requests are scored already.
        """
        with self._lock:
            place = self._computing
            if place is None or len(self._scored) >= most:
                return None
            self._count_time(place)
            self._scored.append(place)
            self._pass_on()
            return place

    def leave(self, scored: Place | None = None, *, seconds: float = 0.0) -> None:
        """Hand the turn to the client that has computed least.

        A request that handed on its turn by `share` gives its place, and the `seconds` for which it was scored.
        """
        with self._lock:
            if scored is not None:
                self._scored.remove(scored)
                if scored.client in self._clocks:
                    self._clocks[scored.client] += seconds
                return
            if self._computing:
                self._count_time(self._computing)
            self._pass_on()

    @property
    def _most_waiting(self) -> int:
        return min(self._places, 1) if self._crowd.is_overload else self._places

    def _load_of(self, client: str) -> _Load:
        """Return the counts of a client's requests; every RESET_SECONDS the counts start anew."""
        period = _period(monotonic())
        if period > self._period:
            self._period = period
            self._loads.clear()
        return self._loads.setdefault(client, _Load(monotonic()))

    def _has_room(self, client: str) -> bool:
        """Whether a request of `client` may compute or wait, if need be in place of the client with the most places."""
        if self._computing is None:
            return True
        if self._load_of(client).is_overload and any(place.client == client for place in self._waiting):
            return False
        if len(self._waiting) < self._most_waiting:
            return True
        held = self._held()
        return bool(self._waiting) and held[self._largest(held)] > held[client] + 1

    def _held(self) -> Counter[str]:
        """Count the places of each client, with the places of requests that compute or are scored."""
        computing = [self._computing] if self._computing else []
        return Counter(place.client for place in [*self._waiting, *computing, *self._scored])

    def _largest(self, held: Counter[str]) -> str:
        """Return the client with the most places, among those of which a request waits."""
        return max((place.client for place in self._waiting), key=lambda client: held[client])

    def _send_away_one(self) -> None:
        """Refuse the newest waiting request of the client with the most places; its older requests go first."""
        client = self._largest(self._held())
        newest = max((place for place in self._waiting if place.client == client), key=lambda place: place.number)
        self._waiting.remove(newest)
        self._load_of(client).count(refused=True)
        newest.answered.set()

    def _refuse(self, client: str) -> bool:
        if self._has_room(client):
            return False
        self._load_of(client).count(refused=True)
        if not self._held()[client]:
            self._crowd.count(refused=True)
        return True

    def _pass_on(self) -> None:
        if self._waiting:
            place = self._first_of(self._waiting)
            self._waiting.remove(place)
            self._give_turn(place)
        else:  # nobody waits: all clients are equal again
            self._computing = None
            self._clocks.clear()

    def _give_turn(self, place: Place) -> None:
        self._clock = max(self._clock, self._clocks[place.client])
        self._computing, place.has_turn, place.is_next = place, True, False
        place.began = monotonic()
        place.answered.set()

    def _first_of(self, places: list[Place]) -> Place:
        return min(
            places, key=lambda place: (not place.is_next, self._clocks[place.client], place.computed, place.number)
        )

    def _count_time(self, place: Place) -> None:
        seconds, held = monotonic() - place.began, self._held()
        place.computed += seconds
        self._clocks[place.client] += seconds
        self._clock += seconds / len(held)
        self._clocks = {name: clock for name, clock in self._clocks.items() if name in held or clock > self._clock}
