"""The lock under which versions are made and production changes hands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.errors import RegistryError

LOCK_SECONDS = 60


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file `path` alone; the system lets go of it when the process dies, however that happens.

    It excludes those who open the same file: on one host, or on a disk that several share and that locks for all of
    them. Raises RegistryError when another holds it for LOCK_SECONDS.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise RegistryError(f"another process has held {path} for {LOCK_SECONDS} s; try again") from error
    with lock:
        yield
