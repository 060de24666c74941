"""A file on a store whose reading goes on after a cut connection, from the byte where it was cut."""

import io
from collections.abc import Callable
from hashlib import blake2b
from typing import IO, Final

from model.errors import SourceError
from model.sources.retries import Interrupted, again

_CHUNK: Final = 1 << 20


class SteadyFile(io.RawIOBase):
    """Reads a file that fsspec opens; `what` names the file in errors and in the log.

    A `seekable` file is opened again at the byte where the connection was cut. Any other is read again from its start,
    and SourceError is raised if its first bytes have changed since. A file that ends before its size is an error: half
    an image must not enter.
    """

    def __init__(self, opening: Callable[[], IO[bytes]], what: str, *, seekable: bool) -> None:
        self._opening, self._what, self._seeks = opening, what, seekable
        self._at = 0
        self._passed = blake2b()
        self._file: IO[bytes] | None = again(opening, what)
        size = getattr(self._file, "size", None)
        self._size = size if seekable and isinstance(size, int) else None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Whether the file can be read at any position."""
        return self._seeks

    def tell(self) -> int:
        """Return the position of the next byte to read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position; raises OSError for a file that is not seekable."""
        if not self._seeks:
            raise io.UnsupportedOperation(f"'{self._what}' is read from its start to its end")
        if whence == io.SEEK_END and self._size is None:
            self._size = self._opened().seek(0, io.SEEK_END)
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size or 0}[whence])
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes, or all that are left; fewer only at the end of the file."""
        if size is None or size < 0:
            return self.readall()
        chunk = again(lambda: self._read(size), self._what)
        self._at += len(chunk)
        if not self._seeks:
            self._passed.update(chunk)
        return chunk

    def readall(self) -> bytes:
        """Read all that is left."""
        content = bytearray()
        while chunk := self.read(_CHUNK):
            content += chunk
        return bytes(content)

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()

    def _read(self, size: int) -> bytes:
        try:
            file = self._opened()
            if self._seeks:
                file.seek(self._at)
            return self._whole(file.read(size), size)
        except Exception:
            self._drop()
            raise

    def _whole(self, chunk: bytes, size: int) -> bytes:
        """Return a chunk of `size` bytes or of all that are left; raises Interrupted for a shorter one."""
        if self._size is not None and len(chunk) < min(size, self._size - self._at):
            raise Interrupted(f"the file '{self._what}' ends after {self._at + len(chunk):,} of {self._size:,} bytes")
        return chunk

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = self._opening()
            if not self._seeks:
                self._skip(self._file)
        return self._file

    def _skip(self, file: IO[bytes]) -> None:
        left, passed = self._at, blake2b()
        while left and (chunk := file.read(min(_CHUNK, left))):
            passed.update(chunk)
            left -= len(chunk)
        if passed.digest() != self._passed.digest():
            raise SourceError(f"The file '{self._what}' has changed while it was read. Run the task again.")

    def _drop(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
