"""Finds the path of an image by the name that a table gives it, whatever the table's author had around the images."""

import posixpath
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict

from model.sources.labelled_image import LONGEST_ORIGIN

_ABSOLUTE = re.compile(r"(file:)?/|[A-Za-z]:/")


class ImagePaths:
    """Finds paths of images by their names in tables, in a time that hardly grows with the number of paths.

    `root` is the absolute path of the folder that holds the paths, or None.
    """

    def __init__(self, root: str | None = None) -> None:
        self._root = root and f"{root.rstrip('/')}/"
        self._exact = _Endings()
        self._alike: _Endings | None = None
        self._of: dict[str, str | None] = {}

    def add(self, path: str) -> None:
        """Add a path as `plain` returns it; must not be called after `find`."""
        self._exact.add(path)

    def __len__(self) -> int:
        """Return the number of different paths."""
        return len(set(self._exact.paths()))

    def find(self, name: str, table: str) -> str | None:
        """Return the path that a table at the path `table` means by `name`; None if there is none, or several.

        The rules, in order:

        1. An absolute name below `root` is a path from there.
        2. A name is a path from the folder of the table.
        3. A name is the end of one path only.
        4. Rules 2 and 3 hold if case is ignored, and composed letters equal decomposed ones (NFC, NFD).
        5. The folders of an absolute name, such as C:/data/, are those of another machine: the longest end counts.
        """
        if name.endswith("/"):
            return None
        folder = posixpath.dirname(table)
        if self._root and name.startswith(self._root):
            found = self._exact.find(plain(name.removeprefix(self._root)), plain(name.removeprefix(self._root)))
            if found is not None:
                return found
        found = self._find(name, folder)
        if len(name) > LONGEST_ORIGIN:
            return found
        while found is None and _ABSOLUTE.match(name) and "/" in name.lstrip("/"):
            name = "/" + name.lstrip("/").partition("/")[2]
            found = self._find(name.lstrip("/"), folder)
        return found

    def holds(self, name: str, table: str) -> bool:
        """Whether `find` returns a path."""
        return self.find(name, table) is not None

    def _find(self, name: str, folder: str) -> str | None:
        beside, ending = plain(posixpath.join(folder, name)), plain(name)
        found = self._exact.find(beside, ending)
        if found is not None or not self._exact.knows_alike(ending):
            return found
        if self._alike is None:
            self._alike = _Endings()
            for path in self._exact.paths():
                same = _fold(path)
                self._of[same] = None if same in self._of else path
                self._alike.add(same)
        alike = self._alike.find(_fold(beside), _fold(ending))
        return None if alike is None else self._of[alike]


class _Endings:
    """Paths by their last part, reversed and sorted, so that paths with the same ending are neighbours."""

    def __init__(self) -> None:
        self._backwards: dict[str, list[str]] = defaultdict(list)
        self._sorted: set[str] = set()
        self._last_alike: set[str] | None = None

    def add(self, path: str) -> None:
        self._backwards[posixpath.basename(path)].append(_backwards(path))

    def paths(self) -> list[str]:
        return [path[-2::-1] for paths in self._backwards.values() for path in paths]

    def knows_alike(self, ending: str) -> bool:
        """Whether the last part of a path equals that of `ending`, but for case and form of letters."""
        if self._last_alike is None:
            self._last_alike = {_fold(last) for last in self._backwards}
        return _fold(posixpath.basename(ending)) in self._last_alike

    def find(self, beside: str, ending: str) -> str | None:
        """Return the path `beside`, else the only path that ends with `ending`, else None."""
        last = posixpath.basename(ending)
        paths = self._backwards.get(last, [])
        if last not in self._sorted:
            paths.sort()
            self._sorted.add(last)
        if _backwards(beside) in _two_from(_backwards(beside), paths):
            return beside
        found = [path for path in _two_from(_backwards(ending), paths) if path.startswith(_backwards(ending))]
        return found[0][-2::-1] if len(found) == 1 else None


def plain(path: str) -> str:
    """Return a path without '.', '..' and doubled slashes, from the root of the tree."""
    return posixpath.normpath(path).lstrip("/")


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _backwards(path: str) -> str:
    return f"/{path}"[::-1]


def _two_from(beginning: str, paths: list[str]) -> list[str]:
    """Return the first two sorted paths from `beginning` on; paths that start with `beginning` come first."""
    first = bisect_left(paths, beginning)
    return paths[first : first + 2]
