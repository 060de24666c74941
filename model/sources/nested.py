"""Reads the archives inside a tree as folders: a folder of zip files, a zip in a zip, a table beside its zip."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import IO

from model.errors import SourceError
from model.sources import archive
from model.sources.entries import Stamp
from model.sources.tree import Member, Tree, is_hidden, refuse_bomb

DEEPEST = 3
"""Most archives inside each other: some archives hold themselves, without end."""


def with_archives(tree: Tree) -> Tree:
    """Return the tree with the files of its archives in place of the archives.

    The files of `part1.zip` are in the folder `part1`. An archive that is not on a disk or in a store is copied into a
    temporary file while it is walked through. The walk raises SourceError for more than DEEPEST archives inside each
    other, and for archives that together unpack to what refuse_bomb takes for a bomb.
    """

    def walk() -> Iterator[Member]:
        if tree.packed is None:
            return _unpack(tree.walk(), 0, None)
        return _unpack(tree.walk(), 1, _Unpacked(tree.source, tree.packed))

    return replace(tree, walk=walk)


class _Unpacked:
    """Counts the bytes of the files of all archives inside the archive `name`, which has `packed` bytes itself."""

    def __init__(self, name: str, packed: int) -> None:
        self._what = f"The archive '{name[-500:]}' with the archives in it"
        self._packed = packed
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count a file of `size` bytes; raises SourceError for a bomb."""
        self._bytes += size
        refuse_bomb(self._what, self._bytes, self._packed)


def _unpack(members: Iterator[Member], depth: int, unpacked: _Unpacked | None) -> Iterator[Member]:
    for member in members:
        if member.unread or is_hidden(member.path) or not archive.is_archive(member.path):
            yield member
        elif depth == DEEPEST:
            raise SourceError(f"'{member.path[-500:]}' lies in {DEEPEST} archives inside each other. Unpack it first.")
        else:
            with member.open_seekable() as file:
                within = unpacked or _Unpacked(member.path, file.seek(0, 2))
                yield from _unpack(_inside(member, file, within), depth + 1, within)


def _inside(outer: Member, file: IO[bytes], unpacked: _Unpacked) -> Iterator[Member]:
    folder, stamp = archive.without_suffix(outer.path), outer.stamp()
    for member in archive.walk(outer.path, outer.path, file, count=unpacked.add):
        yield replace(member, path=f"{folder}/{member.path}", stamp=partial(_stamp, member.stamp, stamp))


def _stamp(own: Stamp, of_archive: str | None) -> str | None:
    """Return the stamp of a file in an archive; a file without one changes only with its archive."""
    return own() or of_archive
