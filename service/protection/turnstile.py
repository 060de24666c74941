"""The turnstile: one holds the turn at a time, a few wait in line for a while, the rest are turned away at once."""

import threading
from collections import deque


class Turnstile:
    """Lets in whoever holds the turn, and hands it on in the order of arrival.

    At most `places` wait in line, each at most `patience` seconds.
    """

    def __init__(self, *, places: int, patience: float) -> None:
        self._places = places
        self._patience = patience
        self._lock = threading.Lock()
        self._occupied = False
        self._line: deque[threading.Event] = deque()

    @property
    def full(self) -> bool:
        """Whether somebody who came now would be turned away."""
        return self._occupied and len(self._line) >= self._places

    def enter(self) -> bool:
        """Wait for the turn; return whether it came, and then `leave` must be called, from whatever thread."""
        with self._lock:
            if not self._occupied:
                self._occupied = True
                return True
            if self.full:
                return False
            turn = threading.Event()
            self._line.append(turn)
        return turn.wait(self._patience) or not self._give_up(turn)

    def leave(self) -> None:
        """Hand the turn to the first in line."""
        with self._lock:
            if self._line:
                self._line.popleft().set()
            else:
                self._occupied = False

    def _give_up(self, turn: threading.Event) -> bool:
        with self._lock:
            if turn.is_set():  # it came while we lost patience
                return False
            self._line.remove(turn)
            return True
