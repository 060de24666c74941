"""Beside the workers: what the follower and the monitor do again and again, each a process that gunicorn started."""

import os
import sys
import time
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 1.0
"""How often the process looks whether its parent still lives."""


def repeat(step: Callable[[], object], *, seconds: float) -> None:
    """Take a step every so many seconds, until the parent, whose id is the program's argument, is gone.

    Told by argument, for a parent that dies while this process is still importing has already been replaced.
    """
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
    due = 0.0
    while os.getppid() == parent:
        if time.monotonic() >= due:
            step()
            due = time.monotonic() + seconds
        time.sleep(min(LOOK_SECONDS, seconds))
