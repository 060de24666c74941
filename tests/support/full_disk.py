"""A disk that fills up: the local file system under its own URL, with room for a set number of changes."""

import errno
import io
import os
from typing import Any

from fsspec import register_implementation
from fsspec.implementations.local import LocalFileSystem
from upath.registry import register_implementation as register_path

PROTOCOL = "filling"


class Room:
    """Counts the changes of a disk that is full from the change number `full_at` on; None: it is never full."""

    def __init__(self) -> None:
        self.changes = 0
        self.full_at: int | None = None

    def reset(self, *, full_at: int | None = None) -> None:
        self.changes, self.full_at = 0, full_at

    def take(self, path: str, *, frees: bool = False) -> None:
        """Count a change; raise ENOSPC if the disk is full. A change that frees room fails only as number `full_at`."""
        self.changes += 1
        if self.full_at is not None and (self.changes == self.full_at or (self.changes > self.full_at and not frees)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


ROOM = Room()


class _FillingFile(io.FileIO):
    """A file that may be truncated: the first half of a write that does not fit reaches the disk."""

    def write(self, data: Any) -> int:
        content = memoryview(data).cast("B")
        try:
            ROOM.take(str(self.name))
        except OSError:
            super().write(content[: len(content) // 2])
            raise
        return super().write(content)

    def close(self) -> None:
        if not self.closed:
            super().close()
            ROOM.take(str(self.name))


class FillingDisk(LocalFileSystem):
    """The local file system; each change takes room."""

    protocol = PROTOCOL

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if "r" in mode:
            return super()._open(path, mode, **options)
        ROOM.take(path)
        # Buffered, like every file that Python opens: the disk sees blocks, and the last block when the file closes.
        return io.BufferedWriter(_FillingFile(self._strip_protocol(path), mode))

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        if not self.exists(path):
            ROOM.take(path)
        super().mkdir(path, create_parents, **options)

    def mv(self, path1: str, path2: str, recursive: bool = True, **options: Any) -> None:
        ROOM.take(path2)
        super().mv(path1, path2, recursive, **options)

    def rm(self, path: str, recursive: bool = False, maxdepth: int | None = None) -> None:
        if self.exists(path):
            ROOM.take(path, frees=True)
        super().rm(path, recursive, maxdepth)

    def rm_file(self, path: str) -> None:
        if self.exists(path):
            ROOM.take(path, frees=True)
        super().rm_file(path)


def register() -> None:
    """Register the scheme `filling:` with fsspec, so that a lake can lie at `filling:///a/folder`."""
    register_implementation(PROTOCOL, FillingDisk, clobber=True)
    register_path(PROTOCOL, "upath.implementations.local.FilePath", clobber=True)
