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
from model.sources.tree import Member, Tree, printable, refuse_bomb

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

_WHAT = "The archive"

_MOST_OF_A_HEADER = 4_000_000
"""Bytes of the headers in front of one file of a tar; only forged ones, or a map of millions of holes, take more."""

_USUAL_HEADER = 4_096
"""Bytes that the headers of one file of a tar take at most, on average."""

_MOST_WORDS = 100
"""Words of a header of a tar, of one file and of all together; a tar program writes some ten, and attributes."""

_LONGEST_PATH = 4_096
"""Characters of the path that the header for all files of a tar may give them: few bytes, which cost time with each."""

_STREAMED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How the files of a zip may be packed: zipfile unpacks others by the gigabyte, whatever size they announce."""

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
        self._files = self._of_headers = 0
        self._of_header: int | None = 0  # opening a tar reads the headers of its first file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if self._of_header is not None:
            self._of_header += size
            if size < 0 or self._of_header > _MOST_OF_A_HEADER:
                raise tarfile.ReadError(f"a header announces {size:,} bytes of header")
        self._last = self._file.read(size)
        return self._last

    def next_of(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Read the headers of the next file, of a bounded number of bytes; a map of its holes is among them."""
        self._of_header = self._of_header or 0
        try:
            return archive.next()
        finally:
            self._files += 1
            self._of_headers += self._of_header
            self._of_header = None
            if self._of_headers > _MOST_OF_A_HEADER + _USUAL_HEADER * self._files:
                raise tarfile.ReadError(f"headers of {self._of_headers:,} bytes stand before its files")

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
            f"The archive '{place}' cannot be read: {error}. Is it complete, and what its name says?"
        ) from error


def _zip_members(file: IO[bytes], size: int) -> Iterator[Member]:
    unpacked = 0
    with zipfile.ZipFile(file) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            if not info.filename:  # from Python 3.12 on, zipfile takes it for a file like any other
                raise zipfile.BadZipFile("it lists a file without a name")
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
            unpacked += info.file_size
            refuse_bomb(_WHAT, unpacked, size)
            if info.compress_type not in _STREAMED:
                raise zipfile.BadZipFile(f"'{info.filename[:200]}' is packed in a rare way; pack it by Deflate")
            if not info.is_dir() and kind in (0, stat.S_IFREG):
                path = printable(info.filename.replace("\\", "/"))
                yield Member(path, partial(archive.open, info), stamp=partial(_zip_stamp, info))


def _tar_members(file: IO[bytes], size: int, *, decompress: _Decompress) -> Iterator[Member]:
    file.seek(0)
    stream, unpacked, offset = _Measured(decompress(file)), 0, -1
    with tarfile.TarFile(fileobj=cast("IO[bytes]", stream)) as archive:
        while info := stream.next_of(archive):
            _refuse_long_words(archive, info)
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every one it has seen
            if info.size < 0 or info.offset <= offset:
                raise tarfile.ReadError("a header leads back, to what was read before")
            offset = info.offset
            unpacked += info.size  # of a sparse file more than lies in the stream
            refuse_bomb(_WHAT, max(unpacked, info.offset_data), size)
            if info.isfile():
                opening = cast("partial[IO[bytes]]", partial(archive.extractfile, info))
                yield Member(printable(info.name), opening, stamp=partial(_tar_stamp, info))
        stream.expect_end()


def _refuse_long_words(archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
    """Raise ReadError for headers that are cheap to pack and dear to copy for each file."""
    words = max(len(archive.pax_headers), len(info.pax_headers))
    if words > _MOST_WORDS:
        raise tarfile.ReadError(f"a header has {words:,} words; at most {_MOST_WORDS} are read")
    path = archive.pax_headers.get("path", "")
    if len(path) > _LONGEST_PATH:
        raise tarfile.ReadError(
            f"a path for all files has {len(path):,} characters; at most {_LONGEST_PATH:,} are read"
        )


def _zip_stamp(info: zipfile.ZipInfo) -> str:
    return f"{info.CRC:08x}-{info.file_size}"


def _tar_stamp(info: tarfile.TarInfo) -> str | None:
    # Tars that are to come out the same each time are packed with the time 0, which then says nothing.
    return f"{info.size}-{info.mtime}" if info.mtime else None
