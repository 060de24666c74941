"""Load shedding: one request at a time computes, a few wait in a queue, the rest are refused with 503 at once.

onnxruntime fills a core, so requests that compute side by side only make each other late. A client that is refused at
once can come back, while the requests let in are answered as fast as ever.
"""

import math
import threading
from collections import deque
from functools import partial
from time import monotonic
from typing import Final

from apiflask import APIFlask
from flask import request

from service.answers.problems import Refusal

COMPUTING: Final = "/predict"
"""A POST to this route, or to one below it, decodes images and asks the detector."""

RETRY_SECONDS: Final = 1
"""What `Retry-After` asks of a client that was refused: by then the queue has moved on."""

DETAIL: Final = (
    f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
)
"""What a client that was refused is told."""

OVERLOAD: Final = 1 / 2
"""Refused requests for each request let in from which on the service is overloaded."""

DECAY_SECONDS: Final = 0.25
"""How fast earlier requests fade from that ratio: after this time they count for 1/e."""

RESET_SECONDS: Final = 20.0
"""Every 20 s all workers reset their count of refused requests, at multiples of this of the host's clock.

Otherwise a handful of clients that retry at once could keep the service in overload mode."""


class Queue:
    """Lets one request compute at a time, in the order of arrival.

    At most `places` requests wait, each at most `patience` seconds. The queue is there for bursts. During an overload
    a full queue would only make every request late ("Controlling Queue Delay", Nichols and Jacobson, 2012), so then
    only one request waits.
    """

    def __init__(self, *, places: int, patience: float) -> None:
        self._places = places
        self._patience = patience
        self._lock = threading.Lock()
        self._occupied = False
        self._waiting: deque[threading.Event] = deque()
        self._let_in = self._refused = 0.0
        self._since = monotonic()

    @property
    def full(self) -> bool:
        """Whether a request that came now would be refused."""
        overloaded = self._refused > 1 + OVERLOAD * self._let_in  # 1, for a single refused request is no overload
        return self._occupied and len(self._waiting) >= (min(self._places, 1) if overloaded else self._places)

    def refuse(self) -> bool:
        """Refuse the request that comes now if there is no place in the queue; return whether it was refused."""
        with self._lock:
            return self._refuse()

    def enter(self) -> bool:
        """Wait for the turn; return whether it came. If it came, `leave` must be called, from whatever thread."""
        with self._lock:
            if self._refuse():
                return False
            self._let_in += 1
            if not self._occupied:
                self._occupied = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        return turn.wait(self._patience) or not self._give_up(turn)

    def leave(self) -> None:
        """Hand the turn to the request that has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._occupied = False

    def _refuse(self) -> bool:
        self._decay()
        full = self.full
        self._refused += full
        return full

    def _decay(self) -> None:
        now = monotonic()
        resets = now // RESET_SECONDS > self._since // RESET_SECONDS
        kept = 0.0 if resets else math.exp((self._since - now) / DECAY_SECONDS)
        self._let_in *= kept
        self._refused *= kept
        self._since = now

    def _give_up(self, turn: threading.Event) -> bool:
        with self._lock:
            if turn.is_set():  # it came just as the patience ended
                return False
            self._waiting.remove(turn)
            return True


def init_app(app: APIFlask, queue: Queue) -> None:
    """Refuse a request that could not even wait in `queue`, before its upload is read."""
    app.before_request(partial(_refuse_early, queue))


def overloaded() -> Refusal:
    """Return the refusal of a request for which the queue has no place, or whose turn did not come in time."""
    return Refusal("overloaded", DETAIL, headers={"Retry-After": str(RETRY_SECONDS)})


def _refuse_early(queue: Queue) -> None:
    if _computes() and queue.refuse():
        raise overloaded()


def _computes() -> bool:
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method == "POST" and (rule == COMPUTING or rule.startswith(f"{COMPUTING}/"))
