"""Walks through the files of a source, which lie in a folder, in an archive or at a URL, in the same way."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from model.errors import SourceError
from model.images.decoding import SOURCE_LIMITS
from model.images.formats import SUFFIXES
from model.processes import beat
from model.sources import json_lines
from model.sources.entries import Listed, Revision, Stamp, no_revision, no_stamp
from model.sources.remarks import Remarks
from model.sources.web.download import open_copy

IMAGE_SUFFIXES = frozenset(SUFFIXES)
"""The endings of file names that count as images. Ingestion finds out whether such a file is an image."""

TABLES = (".csv", ".tsv", *json_lines.SUFFIXES)
"""The endings of file names that are read as tables."""

_SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")

READ_AT_MOST = SOURCE_LIMITS.max_bytes + 1
"""Most bytes read of one image: one more than is accepted. So a larger file (or a zip bomb) is refused as too large
without being held in memory."""

_CHUNK = 1 << 20

_MOST_SWELLING = 100
_HARMLESS_BYTES = 1_000_000_000
"""A file that unpacks to more bytes, and to more than 100 times its own size, holds no photographs."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a tree: its path inside the tree, with '/', how to open it, the stamp and the revision of its content.

    `seekable` says that random access to the opened file is cheap, as on a disk; in an archive it is not. `unread` says
    in a sentence why the file is never read, as a link that leads out of a folder. `listed` is what the list of a
    store's folder shows; None for any other file.
    """

    path: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    seekable: bool = False
    stamp: Stamp = no_stamp
    revision: Revision = no_revision
    unread: str = ""
    listed: Listed | None = None

    def read(self, at_most: int = READ_AT_MOST) -> bytes:
        """Return the first `at_most` bytes of the file."""
        content = bytearray()
        with self.open() as file:
            while chunk := file.read(min(_CHUNK, at_most - len(content))):
                content += chunk
        return bytes(content)

    @contextmanager
    def open_seekable(self) -> Iterator[IO[bytes]]:
        """Open the file for reading at any position; a file without cheap random access is copied first."""
        with self.open() as file:
            if self.seekable:
                yield file
            else:
                with open_copy(file) as copy:
                    yield copy


@dataclass(frozen=True)
class Tree:
    """The files of the source called `source`; each call of `walk` goes through them from the start.

    Read a member before the walk goes on, because a tar is one stream. Do not iterate twice at the same time. `packed`
    is the size of the archive in bytes, and `root` the absolute path of a folder on this machine.
    """

    source: str
    walk: Callable[[], Iterator[Member]]
    packed: int | None = None
    root: str | None = None

    def members(self, remarks: Remarks | None = None) -> Iterator[Member]:
        """Walk through the files, except hidden files, files that macOS adds, and paths that lead out of the tree.

        `remarks` receives the files that are never read.
        """
        for member in self.walk():
            beat()
            if is_hidden(member.path):
                continue
            if not member.unread:
                yield member
            elif remarks is not None:
                remarks.add(member.unread, member.path)


def is_image(path: str) -> bool:
    """Whether a file at `path` counts as an image by its name."""
    stem, dot, suffix = path.rpartition(".")
    return dot + suffix.lower() in IMAGE_SUFFIXES and stem != "" and not stem.endswith("/")


def is_table(path: str) -> bool:
    """Whether a file at `path` is read as a table."""
    return path.lower().endswith(TABLES)


def is_spreadsheet(path: str) -> bool:
    """Whether a file at `path` is a sheet that a spreadsheet can save as a table."""
    return path.lower().endswith(_SPREADSHEETS)


def printable(path: str) -> str:
    """Make a path that is not UTF-8 fit to be logged and stored: each undecodable byte becomes U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def refuse_bomb(what: str, unpacked: int, packed: int) -> None:
    """Raise SourceError if `packed` bytes unpack to far more bytes than photographs do."""
    if unpacked > max(_HARMLESS_BYTES, _MOST_SWELLING * packed):
        raise SourceError(
            f"{what} unpacks from {packed:,} to {unpacked:,} bytes or more: photographs do not shrink like that, "
            "so it is taken for a bomb. Unpack it by hand if you trust it, and name the folder."
        )


def is_hidden(path: str) -> bool:
    """Whether a path is that of a hidden file, of a file that macOS adds, or leads out of the tree."""
    if not path.startswith(".") and "/." not in path and "__MACOSX" not in path:
        return False  # most paths: splitting a path takes longer than hashing a small image
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(path).parts)
