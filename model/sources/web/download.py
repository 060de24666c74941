"""Downloads: a stream that ends at a bound, and a temporary copy of a stream that leaves room on the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Final, cast

from model.errors import SourceError, StorageFull

_CHUNK: Final = 1 << 20
_LEAST_FREE_BYTES: Final = 1_000_000_000
_LEAST_FREE_SHARE: Final = 0.1
"""The room that a copy leaves on its disk for others: the lesser of the two."""


class Bounded:
    """A stream of the web that raises SourceError, naming `what` it is, when it goes on beyond `most_bytes`."""

    def __init__(self, stream: IO[bytes], what: str, most_bytes: int) -> None:
        self._stream = stream
        self._what = what
        self._most_bytes = self._left = most_bytes

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none are left at the end."""
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise SourceError(
                f"'{self._what}' has more than {self._most_bytes / 1e9:g} GB, and no more is downloaded of a file. "
                "Raise TRUEGRAIN_SOURCE_MAX_GB if it is so large."
            )
        return chunk


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
            f"There is no room for a temporary copy of a source: of the disk {least / 1e9:.1f} GB are left to others. "
            "Free some space, or set TMPDIR to a larger place, and run the task again."
        )
