"""Processes of one host beside each other: one holds a file at a time; a child ends with its parent, or at a limit."""

import ctypes
import resource
import signal
import sys
import time
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


_step_seconds = 0
_counted_until = 0.0


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


def limit_this_process(*, memory_bytes: int, step_seconds: int) -> None:
    """Have the kernel refuse memory beyond a bound, and kill this process when it computes for so long without `beat`.

    Memory is bounded on Linux only; what does not fit is a MemoryError, or what a library makes of it. Seconds are of
    computing: waiting for a disk or a network does not count.
    """
    global _step_seconds
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _step_seconds = step_seconds
    beat()


def beat() -> None:
    """Say that a step is done, and the next one begins. Cheap, and without effect where no limit is set."""
    global _counted_until
    if _step_seconds and (now := time.process_time()) >= _counted_until:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        # In whole seconds of the process: at most one is given away, and one is asked for again only when it is over.
        resource.setrlimit(resource.RLIMIT_CPU, (int(now) + 2 + _step_seconds, hard))
        _counted_until = int(now) + 1.0
