"""Repeats the step of a sidecar until its parent process is gone, so that a sidecar ends with the service."""

import os
import sys
import time
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 1.0
"""How often the process checks that its parent still lives."""


def repeat(step: Callable[[], object], *, seconds: float) -> None:
    """Take a step every so many seconds, until the parent process is gone.

    The program's argument is the parent's id: `getppid` would be too late if the parent dies while this process still
    imports.
    """
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
    due = 0.0
    while os.getppid() == parent:
        if time.monotonic() >= due:
            step()
            due = time.monotonic() + seconds
        time.sleep(min(LOOK_SECONDS, seconds))
