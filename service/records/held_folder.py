"""A folder that belongs to one process at a time, and to nobody once that has ended, however it did."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class HeldFolder:
    """A folder and the open file that holds the lock on it; the system lets go of that when the process ends."""

    path: Path
    lock: int

    @classmethod
    def take(cls, path: Path) -> Self:
        """Take a folder; raises OSError when it is not there, or somebody else's."""
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        return cls(path, lock)

    def leave(self) -> None:
        """Let others take it; it is deleted when it is empty."""
        with suppress(OSError):
            self.path.rmdir()
        os.close(self.lock)
