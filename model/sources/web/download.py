"""Bounds the size of a download, and copies a stream into a temporary file without filling the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Final, cast

from model.errors import SourceError, StorageFull

_CHUNK: Final = 1 << 20
_LEAST_FREE_BYTES: Final = 1_000_000_000
_LEAST_FREE_SHARE: Final = 0.1
"""A copy leaves free on its disk the smaller of _LEAST_FREE_BYTES and this share of the disk."""


class Bounded:
    """A stream from the web that raises SourceError beyond `most_bytes`; `what` names the stream in the error."""

    def __init__(self, stream: IO[bytes], what: str, most_bytes: int) -> None:
        self._stream = stream
        self._what = what
        self._most_bytes = self._left = most_bytes

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; returns b'' at the end."""
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise SourceError(
                f"'{self._what}' has more than {self._most_bytes / 1e9:g} GB, the limit for one file. "
                "Raise TRUEGRAIN_SOURCE_MAX_GB if the file is meant to be so large."
            )
        return chunk

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()


@contextmanager
def open_copy(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Copy a stream into a temporary file, for reading at any position. Raises StorageFull when there is no room."""
    with TemporaryFile() as copy:
        while chunk := stream.read(_CHUNK):
            _leave_room(copy, len(chunk))
            copy.write(chunk)
        copy.seek(0)
        yield cast("IO[bytes]", copy)


def _leave_room(copy: IO[bytes], size: int) -> None:
    disk = os.fstatvfs(copy.fileno())
    least = min(_LEAST_FREE_BYTES, _LEAST_FREE_SHARE * disk.f_blocks * disk.f_frsize)
    if disk.f_bavail * disk.f_frsize - size < least:
        raise StorageFull(
            f"There is no room for a temporary copy of a source: {least / 1e9:.1f} GB of the disk must stay free. "
            "Free some space, or set TMPDIR to a larger place, and run the task again."
        )
