"""The lock of all who read something, change it and write it back: one at a time, and nobody waits for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from model.errors import LockHeld

LOCK_SECONDS: Final = 10.0
"""How long a turn is waited for, unless turns are known to take longer."""


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
