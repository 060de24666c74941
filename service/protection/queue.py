"""The turnstile: one at a time holds the turn, a few wait in line for a while, the rest are turned away at once."""

import math
import threading
from collections import deque
from time import monotonic
from typing import Final

CROWD: Final = 1 / 2
"""How many are turned away in a crowd for each who is let in, at least."""

LATELY_SECONDS: Final = 0.25
"""How fast those who came fade from that count: after this time they count for 1/e."""

FORGET_SECONDS: Final = 20.0
"""How often it is forgotten who came, at multiples of this of the host's clock, so in all workers at once.

Or a few who come back at once whenever they are turned away would be a crowd for good, though the line had room."""


class Turnstile:
    """Lets in whoever holds the turn, and hands it on in the order of arrival.

    At most `places` wait in line, each at most `patience` seconds. A line is there for bursts; in a crowd it would stay
    full and only make everybody late ("Controlling Queue Delay", Nichols and Jacobson, 2012), so then one waits.
    """

    def __init__(self, *, places: int, patience: float) -> None:
        self._places = places
        self._patience = patience
        self._lock = threading.Lock()
        self._occupied = False
        self._line: deque[threading.Event] = deque()
        self._let_in = self._turned_away = 0.0
        self._since = monotonic()

    @property
    def full(self) -> bool:
        """Whether somebody who came now would be turned away."""
        crowded = self._turned_away > 1 + CROWD * self._let_in  # 1, for one who is turned away is no crowd
        return self._occupied and len(self._line) >= (min(self._places, 1) if crowded else self._places)

    def turn_away(self) -> bool:
        """Turn away whoever comes now if there is no place in line; return whether that was so."""
        with self._lock:
            return self._refuse()

    def enter(self) -> bool:
        """Wait for the turn; return whether it came, and then `leave` must be called, from whatever thread."""
        with self._lock:
            if self._refuse():
                return False
            self._let_in += 1
            if not self._occupied:
                self._occupied = True
                return True
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

    def _refuse(self) -> bool:
        self._pass_time()
        full = self.full
        self._turned_away += full
        return full

    def _pass_time(self) -> None:
        now = monotonic()
        forgets = now // FORGET_SECONDS > self._since // FORGET_SECONDS
        kept = 0.0 if forgets else math.exp((self._since - now) / LATELY_SECONDS)
        self._let_in *= kept
        self._turned_away *= kept
        self._since = now

    def _give_up(self, turn: threading.Event) -> bool:
        with self._lock:
            if turn.is_set():  # it came while we lost patience
                return False
            self._line.remove(turn)
            return True
