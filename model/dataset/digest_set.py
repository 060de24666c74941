"""A set of 128-bit digests that takes 16 bytes each: for all images of a lake, or all that was read of its sources."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SIZE: Final = 16
"""Bytes of a digest. The chance that any two of a billion digests are equal is below 10^-20."""

ARROW: Final = pa.binary(SIZE)

_DTYPE: Final = np.dtype(f"S{SIZE}")
_FEWEST_TO_SORT: Final = 100_000


def digest(*words: object) -> bytes:
    """Return the digest of a list of words; different lists have different digests."""
    return hashlib.blake2b(repr(words).encode(), digest_size=SIZE).digest()


class Digests:
    """A set that takes 16 bytes a digest, where Python's `set` takes ninety.

    A sorted array holds all digests except the latest ones.
    """

    def __init__(self, columns: Iterable[Any] = ()) -> None:
        """Begin with the digests in `columns`: Arrow arrays of the type ARROW without nulls."""
        self._sorted: NDArray[np.bytes_] = np.unique(np.concatenate([np.empty(0, _DTYPE), *map(_to_numpy, columns)]))
        self._recent: set[bytes] = set()

    def __contains__(self, wanted: bytes) -> bool:
        if wanted in self._recent or not len(self._sorted):
            return wanted in self._recent
        place = int(np.searchsorted(self._sorted, np.bytes_(wanted)))
        # Compared as bytes: NumPy ignores zeros at the end of a string.
        return self._sorted[place : place + 1].tobytes() == wanted

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)

    def add(self, new: bytes) -> None:
        """Add a digest, which may be there already."""
        if new not in self:
            self._recent.add(new)
            if len(self._recent) > max(_FEWEST_TO_SORT, len(self._sorted) // 4):
                self._settle()

    def to_arrow(self) -> Any:
        """Return the digests, sorted, as an Arrow array of the type ARROW."""
        self._settle()
        return pa.Array.from_buffers(ARROW, len(self._sorted), [None, pa.py_buffer(self._sorted.tobytes())])

    def to_bytes(self) -> bytes:
        """Return the sorted digests as one byte string."""
        self._settle()
        return self._sorted.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Return the set that `to_bytes` has written."""
        return cls([pa.Array.from_buffers(ARROW, len(content) // SIZE, [None, pa.py_buffer(content)])])

    def _settle(self) -> None:
        recent = np.frombuffer(b"".join(self._recent), dtype=_DTYPE)
        self._sorted = np.sort(np.concatenate([self._sorted, recent]))
        self._recent = set()


def _to_numpy(column: Any) -> NDArray[np.bytes_]:
    return np.frombuffer(column.buffers()[1], dtype=_DTYPE)[column.offset : column.offset + len(column)]
