"""Repeats the step of a sidecar until its parent is gone, which is how a sidecar ends with the service."""

import os
import sys
import time
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 1.0
"""How often the process checks that its parent still lives."""


def repeat(step: Callable[[], object], *, seconds: float) -> None:
    """Take a step every so many seconds, until the parent is gone, whose id is the program's argument.

    An argument, since a parent that dies while this process still imports is replaced before `getppid` is asked.
    """
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
    due = 0.0
    while os.getppid() == parent:
        if time.monotonic() >= due:
            step()
            due = time.monotonic() + seconds
        time.sleep(min(LOOK_SECONDS, seconds))
