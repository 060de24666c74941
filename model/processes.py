"""Processes of one host beside each other: one at a time holds a file, and a child ends with its parent."""

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from model.errors import LockHeld

LOCK_SECONDS: Final = 10.0
"""How long a turn is waited for, unless turns are known to take longer."""

_PR_SET_PDEATHSIG: Final = 1
# Looked up here: between fork and exec, where `die_with_parent` may run, a child should take no lock of the loader.
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@contextmanager
def locked(path: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the file `path` alone; the system lets go of it when the process dies, however that happens.

    It excludes those who open the same file: on one host, or on a disk that several share and that locks for all of
    them. Raises LockHeld when another holds it for so many seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise LockHeld(
            f"another process has held {path} for {seconds:g} s; try again, and should it stay so, end that process"
        ) from error
    try:
        yield
    finally:
        lock.release()


def die_with_parent() -> None:
    """Have the kernel kill this process once the thread that started it has ended; does so on Linux only.

    Where the parent is killed outright, none of its own handlers can end its children. Fit for Popen's `preexec_fn`.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)
