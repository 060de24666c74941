"""Memory: the predictions that wait in the process because the journal cannot be written."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from time import monotonic
from typing import NamedTuple

from model.monitoring.predictions import Prediction


class Held(NamedTuple):
    """A prediction, and the monotonic time since when it waits."""

    since: float
    prediction: Prediction


class Memory:
    """A queue of `most` predictions for several threads, none of which ever waits in it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: deque[Held] = deque()
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def age(self) -> float:
        """For how many seconds the oldest has waited; 0 when there is none."""
        with self._changing:
            return monotonic() - self._held[0].since if self._held else 0.0

    def hold(self, prediction: Prediction) -> bool:
        """Add a prediction; tell whether there was room for it."""
        with self._changing:
            if len(self._held) >= self._most:
                return False
            self._held.append(Held(monotonic(), prediction))
            return True

    def peek(self, most: int) -> list[Held]:
        """Return the oldest, `most` at most; they stay until they are forgotten or taken."""
        with self._changing:
            return list(islice(self._held, most))

    def forget(self, seen: Sequence[Held]) -> None:
        """Remove what `peek` returned, except what somebody has taken meanwhile."""
        with self._changing:
            for held in seen:
                if self._held and self._held[0] is held:
                    self._held.popleft()

    def take_all(self) -> Iterator[Prediction]:
        """Remove the predictions one by one, oldest first."""
        while True:
            with self._changing:
                if not self._held:
                    return
                held = self._held.popleft()
            yield held.prediction
