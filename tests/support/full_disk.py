"""A disk that fills up: the local file system under a URL of its own, on which there is room for so many changes."""

import errno
import io
import os
from typing import Any

from fsspec import register_implementation
from fsspec.implementations.local import LocalFileSystem
from upath.registry import register_implementation as register_path

PROTOCOL = "filling"


class Room:
    """How many changes the disk still takes, and how many it has seen; the one that does not fit raises ENOSPC."""

    def __init__(self) -> None:
        self.changes = 0
        self.full_at: int | None = None

    def reset(self, *, full_at: int | None = None) -> None:
        self.changes, self.full_at = 0, full_at

    def take(self, path: str, *, frees: bool = False) -> None:
        """Count a change. What frees room fails only when it is the very change; what needs room fails ever after."""
        self.changes += 1
        if self.full_at is not None and (self.changes == self.full_at or (self.changes > self.full_at and not frees)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


ROOM = Room()


class _FillingFile(io.FileIO):
    """A file that may be cut off: of the write that does not fit, the first half is on the disk."""

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
    """The local file system, whose changes take room."""

    protocol = PROTOCOL

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if "r" in mode:
            return super()._open(path, mode, **options)
        ROOM.take(path)
        # Behind a buffer, as every file that Python opens: the disk sees blocks, and the last one as the file closes.
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
    """Make `filling:///a/folder` a URL that a lake can have."""
    register_implementation(PROTOCOL, FillingDisk, clobber=True)
    register_path(PROTOCOL, "upath.implementations.local.FilePath", clobber=True)
