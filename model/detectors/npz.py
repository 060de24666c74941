"""Reads npz archives within a memory bound: the sizes are checked before anything is unpacked."""

import io
import math
import tokenize
import zipfile
import zlib
from typing import IO, Any, Final

from numpy.lib import format as npy
from numpy.typing import NDArray

MOST_ARRAYS: Final = 32
_PLAIN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compression methods that NumPy writes. Other methods take memory of their own, as much as the archive says."""
_SUFFIX: Final = ".npy"

_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, SyntaxError, tokenize.TokenError)
"""Errors that the standard library and NumPy raise besides ValueError; RuntimeError for an encrypted entry."""


def read_arrays(data: bytes, *, most_bytes: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz archive by their names; no pickles.

    Raises ValueError, before anything is unpacked, if `data` is no npz archive or announces more than `most_bytes`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_index(entries, most_bytes)
            for entry in entries:
                with archive.open(entry) as file:
                    _check_header(entry, file)
            return {entry.filename.removesuffix(_SUFFIX): _read(archive, entry) for entry in entries}
    except _DAMAGE as error:
        raise ValueError(f"not an npz archive: {error}") from error


def _check_index(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if len(entries) > MOST_ARRAYS:
        raise ValueError(f"{len(entries):,} arrays, at most {MOST_ARRAYS} are read")
    if (unpacked := sum(entry.file_size for entry in entries)) > most_bytes:
        raise ValueError(f"its arrays unpack to {unpacked:,} bytes, at most {most_bytes:,} are read")
    for entry in entries:
        if entry.compress_type not in _PLAIN:
            raise ValueError(f"{entry.filename} is compressed in another way than NumPy compresses")


def _check_header(entry: zipfile.ZipInfo, file: IO[bytes]) -> None:
    """Raise ValueError if the header announces another size than the entry has: NumPy would allocate it unchecked."""
    major, _ = npy.read_magic(file)
    if major not in _HEADERS:
        raise ValueError(f"{entry.filename} has a header of version {major}, which is not read")
    shape, _, dtype = _HEADERS[major](file)
    named = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or not dtype.itemsize or named != entry.file_size - file.tell():
        raise ValueError(f"{entry.filename} is not what its header says: {named:,} bytes of {dtype}")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(entry) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


_HEADERS: Final = {1: npy.read_array_header_1_0, 2: npy.read_array_header_2_0}
