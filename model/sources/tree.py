"""Tree: the files of a source, in a folder, an archive or at a URL, as every kind of source walks through them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from model.errors import SourceError
from model.images.decoding import SOURCE_LIMITS
from model.processes import beat
from model.sources.entries import Stamp, no_stamp

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""What a file must be called to count as an image; whether it is one, ingestion finds out."""

READ_AT_MOST = SOURCE_LIMITS.max_bytes + 1
"""Bytes read of one image: one more than is accepted, so that a larger file (or a zip bomb) is refused as too large
without ever being held in memory."""

_CHUNK = 1 << 20

_MOST_SWELLING = 100
_HARMLESS_BYTES = 1_000_000_000
"""What unpacks to more than this, and to more than 100 times its own size, holds no photographs."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a tree: its path inside the tree, with '/', how to open it, and the stamp of its content.

    `seekable` says that jumping about in the opened file is cheap, as it is on a disk and is not in an archive.
    """

    path: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    seekable: bool = False
    stamp: Stamp = no_stamp

    def read(self, at_most: int = READ_AT_MOST) -> bytes:
        """Return the file's first bytes, `at_most` of them."""
        content = bytearray()
        with self.open() as file:
            while chunk := file.read(min(_CHUNK, at_most - len(content))):
                content += chunk
        return bytes(content)


@dataclass(frozen=True)
class Tree:
    """The files of a source by that name; `walk` goes through them from the start each time it is called.

    A member is read before the walk goes on: a tar is one stream. Do not walk twice at the same time.
    """

    source: str
    walk: Callable[[], Iterator[Member]]

    def members(self) -> Iterator[Member]:
        """Walk through the files, without hidden ones, those that macOS adds, and paths that lead out of the tree."""
        for member in self.walk():
            beat()
            if not _is_hidden(member.path):
                yield member


def is_image(path: str) -> bool:
    """Whether `path` is called like an image."""
    stem, dot, suffix = path.rpartition(".")
    return dot + suffix.lower() in IMAGE_SUFFIXES and stem != "" and not stem.endswith("/")


def printable(path: str) -> str:
    """Make a path that is not UTF-8 fit to be logged and stored: what cannot be decoded becomes U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def refuse_bomb(what: str, unpacked: int, packed: int) -> None:
    """Raise SourceError for what unpacks to far more bytes than photographs do."""
    if unpacked > max(_HARMLESS_BYTES, _MOST_SWELLING * packed):
        raise SourceError(
            f"{what} unpacks from {packed:,} to {unpacked:,} bytes or more: photographs do not shrink like that, "
            "so it is taken for a bomb. Unpack it by hand if you trust it, and name the folder."
        )


def _is_hidden(path: str) -> bool:
    if not path.startswith(".") and "/." not in path and "__MACOSX" not in path:
        return False  # as nearly all are: taking a path apart takes longer than to hash a small image
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(path).parts)
