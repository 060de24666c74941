"""Sets of 128-bit digests that stay small: what a lake of any size holds, or what was read of its sources."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SIZE: Final = 16
"""Bytes of a digest. Among a billion, two are equal by chance once in 10^20 sets."""

ARROW: Final = pa.binary(SIZE)

_DTYPE: Final = np.dtype(f"S{SIZE}")
_FEWEST_TO_SORT: Final = 100_000


def digest(*words: object) -> bytes:
    """Return the digest of some words; another one for every other list of words."""
    return hashlib.blake2b(repr(words).encode(), digest_size=SIZE).digest()


class Digests:
    """A set that takes 16 bytes a digest, where Python's own takes ninety: sorted, but for those that came last."""

    def __init__(self, columns: Iterable[Any] = ()) -> None:
        """Hold the digests in Arrow arrays of the type ARROW, which hold no null."""
        self._sorted: NDArray[np.bytes_] = np.unique(np.concatenate([np.empty(0, _DTYPE), *map(_to_numpy, columns)]))
        self._recent: set[bytes] = set()

    def __contains__(self, wanted: bytes) -> bool:
        if wanted in self._recent or not len(self._sorted):
            return wanted in self._recent
        place = int(np.searchsorted(self._sorted, np.bytes_(wanted)))
        # As bytes: NumPy's own comparison takes zeros at the end for padding.
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
        """Return the digests, sorted, one behind the other."""
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
