"""Locks files between processes, ends a child process with its parent, and limits its memory and computing time."""

import ctypes
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from model.errors import LockHeld

LOCK_SECONDS: Final = 10.0
"""Default time to wait for a lock."""

_PR_SET_PDEATHSIG: Final = 1
# Looked up on import: between fork and exec, where `die_with_parent` may run, a child must not wait for the
# dynamic loader's lock.
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


_step_seconds = 0
_counted_until = 0.0


@contextmanager
def locked(path: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold an exclusive lock on the file `path` for the block; the system releases it if the process dies.

    Several hosts can share the lock if the file is on a shared disk that supports locks. Raises LockHeld if another
    process holds the lock for longer than `seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o600)  # whoever may read the file may hold it
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise LockHeld(
            f"another process has held {path} for {seconds:g} s; try again later, or end the process if it hangs"
        ) from error
    try:
        yield
    finally:
        lock.release()


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends; works on Linux only.

    If the parent is killed with SIGKILL, its own handlers cannot end its children. Usable as Popen's `preexec_fn`.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_memory(memory_bytes: int) -> None:
    """Have the kernel refuse this process memory beyond a bound, on Linux; a child may raise its own bound again."""
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def limit_this_process(*, memory_bytes: int, step_seconds: int) -> None:
    """Limit the memory of this process, and kill it if it computes for `step_seconds` without a call of `beat`.

    Memory is limited on Linux only. Beyond the limit Python raises MemoryError; libraries may raise other errors. Only
    computing time counts, not waiting for a disk or a network.
    """
    global _step_seconds
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _step_seconds = step_seconds
    beat()


def beat() -> None:
    """Restart the time limit of `limit_this_process`, because a step is done. Cheap; does nothing without a limit."""
    global _counted_until
    if _step_seconds and (now := time.process_time()) >= _counted_until:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        # The kernel counts whole seconds. The limit is set at most once a second, which adds at most 2 s to a step.
        resource.setrlimit(resource.RLIMIT_CPU, (int(now) + 2 + _step_seconds, hard))
        _counted_until = int(now) + 1.0


@contextmanager
def beating(*, every: float = 1.0) -> Iterator[None]:
    """Call `beat` every second during the block, in which a library takes many steps that only the library knows.

    The time of the block is not limited then; use it only for what memory limits, such as the list of a folder.
    """
    if not _step_seconds:
        yield
        return
    done = threading.Event()

    def work() -> None:
        while not done.wait(every):
            beat()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
