"""Reads zip and tar archives as a Tree, file by file; nothing is unpacked to disk."""

import bz2
import gzip
import itertools
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

from model.errors import UnreadableSource
from model.sources.location import Location
from model.sources.tree import Member, Tree, printable, refuse_bomb

Count = Callable[[int], None]
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
"""The endings of file names that are read as archives."""

_WHAT = "The archive"

_MOST_OF_A_HEADER = 4_000_000
"""Most bytes of headers before one file of a tar. Only forged headers, or a map of millions of holes, take more."""

_MOST_TARS = 1_000
"""Most tars that are read one behind the other in one file, as `cat` joins them."""

_USUAL_HEADER = 4_096
"""Most bytes of headers that the files of a tar may have on average."""

_MOST_WORDS = 100
"""Most pax records in a header of a tar, for one file or for all. Tar programs write some ten, plus extended
attributes."""

_LONGEST_PATH = 4_096
"""Most characters of a path in the header for all files of a tar. It takes few bytes, but time for each file."""

_STREAMED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Accepted compressions of files in a zip. With any other, zipfile may unpack gigabytes, whatever size is announced."""

# zipfile raises RuntimeError for a password or an unknown compression. The last three are what a
# damaged directory or header makes its parsers raise.
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
    """A decompressed tar that refuses a forged header's gigabytes, and can tell whether the tar is complete."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._last = b""
        self._files = self._of_headers = 0
        self._of_header: int | None = 0  # opening a tar reads the first file's headers
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if self._of_header is not None:
            self._of_header += size
            if size < 0 or self._of_header > _MOST_OF_A_HEADER:
                raise tarfile.ReadError(f"a header announces {size:,} bytes of header")
        self._last = self._file.read(size)
        return self._last

    def next_of(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Read the headers of the next file, of a bounded number of bytes; the map of a sparse file's holes counts."""
        self._of_header = self._of_header or 0
        try:
            return archive.next()
        finally:
            self._files += 1
            self._of_headers += self._of_header
            self._of_header = None
            if self._of_headers > _MOST_OF_A_HEADER + _USUAL_HEADER * self._files:
                raise tarfile.ReadError(f"headers of {self._of_headers:,} bytes stand before its files")

    def find_next(self, size: int) -> bool:
        """Go to the tar behind the one that has ended; False if only zeros follow. `size` is that of the packed file.

        Raises SourceError for a bomb of zeros.
        """
        while block := self._file.read(tarfile.BLOCKSIZE):
            if block.strip(b"\0"):
                self.seek(self.tell() - len(block))
                self._of_header = 0
                return True
            refuse_bomb(_WHAT, self.tell(), size)
        return False

    def expect_end(self) -> None:
        """Raise ReadError unless a block of zeros was read last: tarfile also takes a damaged header for the end."""
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it breaks off without the mark of a tar's end")


@contextmanager
def open_archive(place: Location) -> Iterator[Tree]:
    """Open an archive; its files come in the order in which they were packed, and each walk reads a tar once.

    Links and devices are ignored. The walk, or reading a file, raises SourceError for an archive that is damaged or a
    bomb.
    """
    with place.open() as file:
        yield Tree(without_suffix(place.name), partial(walk, place.name, str(place), file), packed=file.seek(0, 2))


def walk(name: str, place: str, file: IO[bytes], *, count: Count = lambda _: None) -> Iterator[Member]:
    """Walk through the archive `file` with the file name `name`, which errors call `place`.

    `count` is called with the size of each file before the file is unpacked.
    """
    suffix = _suffix(name)
    members = _zip_members if suffix == ".zip" else partial(_tar_members, decompress=_TAR[suffix])
    return _walk(place, partial(members, file, file.seek(0, 2), count))


def without_suffix(name: str) -> str:
    """Return the name of an archive without its ending, which is the folder it stands for."""
    return name[: -len(_suffix(name))]


def is_archive(name: str) -> bool:
    """Whether a file called `name` is read as an archive."""
    return name.lower().endswith(SUFFIXES)


def _suffix(name: str) -> str:
    return next(suffix for suffix in SUFFIXES if name.lower().endswith(suffix))


def _walk(place: str, members: Callable[[], Iterator[Member]]) -> Iterator[Member]:
    with _readable(place):
        for member in members():
            yield replace(member, open=partial(_open_member, place, member))


@contextmanager
def _open_member(place: str, member: Member) -> Iterator[IO[bytes]]:
    with _readable(place), member.open() as file:
        yield file


@contextmanager
def _readable(place: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise UnreadableSource(
            f"The archive '{place}' cannot be read: {error}. Is it complete, and of the type its name says?"
        ) from error


def _zip_members(file: IO[bytes], size: int, count: Count) -> Iterator[Member]:
    unpacked = 0
    with zipfile.ZipFile(file) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            if not info.filename:  # from Python 3.12 on, zipfile takes it for a file like any other
                raise zipfile.BadZipFile("it lists a file without a name")
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
            unpacked += info.file_size
            count(info.file_size)
            refuse_bomb(_WHAT, unpacked, size)
            if info.compress_type not in _STREAMED:
                raise zipfile.BadZipFile(f"'{info.filename[:200]}' has an unsupported compression; use Deflate")
            if not info.is_dir() and kind in (0, stat.S_IFREG):
                path = printable(info.filename.replace("\\", "/"))
                yield Member(path, partial(archive.open, info), stamp=partial(_zip_stamp, info))


def _tar_members(file: IO[bytes], size: int, count: Count, *, decompress: _Decompress) -> Iterator[Member]:
    file.seek(0)
    stream, unpacked, offset = _Measured(decompress(file)), 0, -1
    for number in itertools.count(1):
        with tarfile.TarFile(fileobj=cast("IO[bytes]", stream)) as archive:
            while info := stream.next_of(archive):
                _refuse_long_words(archive, info)
                archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every one it has seen
                if info.size < 0 or info.offset <= offset:
                    raise tarfile.ReadError("a header points back to bytes that were read before")
                offset = info.offset
                unpacked += info.size  # for a sparse file more than the stream holds
                count(info.size)
                refuse_bomb(_WHAT, max(unpacked, info.offset_data), size)
                if info.isfile():
                    opening = cast("partial[IO[bytes]]", partial(archive.extractfile, info))
                    yield Member(printable(info.name), opening, stamp=partial(_tar_stamp, info))
            stream.expect_end()
        if not stream.find_next(size):
            return
        if number == _MOST_TARS:
            raise tarfile.ReadError(f"more than {_MOST_TARS} tars stand one behind the other")


def _refuse_long_words(archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
    """Raise ReadError for headers that take few bytes when packed, but much time to copy for each file."""
    words = max(len(archive.pax_headers), len(info.pax_headers))
    if words > _MOST_WORDS:
        raise tarfile.ReadError(f"a header has {words:,} pax records; at most {_MOST_WORDS} are read")
    path = archive.pax_headers.get("path", "")
    if len(path) > _LONGEST_PATH:
        raise tarfile.ReadError(
            f"a path for all files has {len(path):,} characters; at most {_LONGEST_PATH:,} are read"
        )


def _zip_stamp(info: zipfile.ZipInfo) -> str:
    return f"{info.CRC:08x}-{info.file_size}"


def _tar_stamp(info: tarfile.TarInfo) -> str | None:
    # Reproducible tars are packed with the time 0, which reveals no change.
    return f"{info.size}-{info.mtime}" if info.mtime else None
