"""A zip or tar archive as a Tree; nothing is unpacked to disk."""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import IO, cast

from model.errors import SourceError
from model.sources.location import Location
from model.sources.tree import Member, Tree, printable

_Decompress = Callable[[IO[bytes]], IO[bytes]]
_TAR = cast(
    "dict[str, _Decompress]",
    {
        ".tar": lambda file: file,
        ".tar.gz": gzip.open,
        ".tgz": gzip.open,
        ".tar.xz": lzma.open,
        ".txz": lzma.open,
        ".tar.bz2": bz2.open,
        ".tbz2": bz2.open,
    },
)
SUFFIXES = (".zip", *_TAR)
"""What a file must be called to be read as an archive."""

_MOST_SWELLING = 100
_HARMLESS_BYTES = 1_000_000_000
"""An archive that unpacks to more than this, and to more than 100 times its own size, holds no photographs."""

_MOST_AT_ONCE = 16_000_000
"""Bytes that are read of a tar in one piece; only a forged header asks for more."""

# RuntimeError is zipfile's word for a password or a compression it does not know; the last three are what a damaged
# directory or header makes of its parsers.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    IndexError,
    struct.error,
)


class _Measured:
    """A decompressed tar that refuses to hand out a forged header's gigabytes, and knows whether it came to its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._last = b""
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > _MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header announces {size:,} bytes of header")
        self._last = self._file.read(size)
        return self._last

    def expect_end(self) -> None:
        """Raise ReadError unless a block of zeros was read last: tarfile takes a damaged header for the end, too."""
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it breaks off without the mark of a tar's end")


@contextmanager
def open_archive(place: Location) -> Iterator[Tree]:
    """Open an archive; its files come in the order in which they were packed, a tar's in one pass a walk.

    Links and devices are ignored. Raises SourceError, when it comes to it, for an archive that is damaged or a bomb.
    """
    suffix = _suffix(place.name)
    members = _zip_members if suffix == ".zip" else partial(_tar_members, decompress=_TAR[suffix])
    with place.open() as file:
        size = file.seek(0, 2)
        yield Tree(place.name[: -len(suffix)], partial(_walk, place, partial(members, file, size)))


def is_archive(name: str) -> bool:
    """Whether `name` is that of an archive."""
    return name.lower().endswith(SUFFIXES)


def _suffix(name: str) -> str:
    return next(suffix for suffix in SUFFIXES if name.lower().endswith(suffix))


def _walk(place: Location, members: Callable[[], Iterator[Member]]) -> Iterator[Member]:
    with _readable(place):
        for member in members():
            yield replace(member, open=partial(_open_member, place, member))


@contextmanager
def _open_member(place: Location, member: Member) -> Iterator[IO[bytes]]:
    with _readable(place), member.open() as file:
        yield file


@contextmanager
def _readable(place: Location) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise SourceError(
            f"The archive '{place.location}' cannot be read: {error}. Is it complete, and what its name says?"
        ) from error


def _zip_members(file: IO[bytes], size: int) -> Iterator[Member]:
    unpacked = 0
    with zipfile.ZipFile(file) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            if not info.filename:  # from Python 3.12 on, zipfile takes it for a file like any other
                raise zipfile.BadZipFile("it lists a file without a name")
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
            unpacked += info.file_size
            _refuse_bomb(unpacked, size)
            if not info.is_dir() and kind in (0, stat.S_IFREG):
                path = printable(info.filename.replace("\\", "/"))
                yield Member(path, partial(archive.open, info), stamp=partial(_zip_stamp, info))


def _tar_members(file: IO[bytes], size: int, *, decompress: _Decompress) -> Iterator[Member]:
    file.seek(0)
    stream = _Measured(decompress(file))
    with tarfile.TarFile(fileobj=cast("IO[bytes]", stream)) as archive:
        while info := archive.next():
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every one it has seen
            _refuse_bomb(info.offset_data + info.size, size)
            if info.isfile():
                opening = cast("partial[IO[bytes]]", partial(archive.extractfile, info))
                yield Member(printable(info.name), opening, stamp=partial(_tar_stamp, info))
        stream.expect_end()


def _zip_stamp(info: zipfile.ZipInfo) -> str:
    return f"{info.CRC:08x}-{info.file_size}"


def _tar_stamp(info: tarfile.TarInfo) -> str | None:
    # Tars that are to come out the same each time are packed with the time 0, which then says nothing.
    return f"{info.size}-{info.mtime}" if info.mtime else None


def _refuse_bomb(unpacked: int, packed: int) -> None:
    if unpacked > max(_HARMLESS_BYTES, _MOST_SWELLING * packed):
        raise SourceError(
            f"The archive unpacks from {packed:,} to {unpacked:,} bytes or more: photographs do not shrink like that, "
            "so it is taken for a bomb. Unpack it by hand if you trust it, and name the folder."
        )
