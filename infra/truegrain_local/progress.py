"""Shows progress while Truegrain starts: a line for each step, and a changing line while a step takes long."""

import shutil
import time
from collections.abc import Callable
from typing import TextIO

QUIET_SECONDS = 10.0
"""Without a terminal, the changing line is printed at most this often, so that a log stays readable."""


class Progress:
    """Prints steps with the seconds since the beginning; `clock` is `time.monotonic` or a test's own."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begin = clock()
        self._moving = False
        self._told = ("", self._begin)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._begin

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._clear()
        self._stream.write(f"{self._stamp()} {_fit(text)}\n")
        self._stream.flush()
        self._told = ("", self._clock())

    def show(self, text: str) -> None:
        """Show what happens now: on a terminal the next line replaces it, elsewhere it is printed now and then."""
        if self._stream.isatty():
            self._clear()
            self._stream.write(f"{self._stamp()} {_fit(text)}"[: shutil.get_terminal_size().columns - 1])
            self._stream.flush()
            self._moving = True
        elif text != self._told[0] and self._clock() - self._told[1] >= QUIET_SECONDS:
            self.say(text)
            self._told = (text, self._clock())

    def wait(self, what: str, ready: Callable[[], bool], *, seconds: float, pause: float = 0.5) -> None:
        """Call `ready` until it returns True, and show `what` meanwhile; raises TimeoutError after `seconds`."""
        begin = self._clock()
        while not ready():
            if self._clock() - begin > seconds:
                raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
            self.show(f"{what} …")
            time.sleep(pause)

    def _stamp(self) -> str:
        return f"[{int(self.seconds) // 60:2d}:{int(self.seconds) % 60:02d}]"

    def _clear(self) -> None:
        if self._moving:
            self._stream.write("\r\x1b[2K")
            self._moving = False


def _fit(text: str) -> str:
    """Return a text without what a terminal would obey: a task's log quotes names that strangers have chosen."""
    return "".join(character if character.isprintable() else " " for character in text)
