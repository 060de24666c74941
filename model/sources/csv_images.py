"""Lists images that are labelled by CSV tables in the same folder or archive."""

import posixpath
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import structlog

from model.errors import ContradictingLabels, SourceError
from model.processes import beat
from model.sources.claims import Comparison, Contradiction, read_class_folder
from model.sources.class_folders import entry_of, folders_of, read_split
from model.sources.csv_table import LABEL_COLUMNS, MOST_BYTES, NUMBERS_ARE_WRONG, Line, is_table, read_table
from model.sources.entries import Entry
from model.sources.tree import IMAGE_SUFFIXES, Tree, is_image

_log = structlog.get_logger(__name__)


class ImagePaths:
    """Finds image paths by their name in a table, in a time that hardly grows with the number of paths."""

    def __init__(self) -> None:
        # Reversed and sorted, so that paths with the same ending are neighbours.
        self._backwards: dict[str, list[str]] = defaultdict(list)
        self._sorted: set[str] = set()

    def add(self, path: str) -> None:
        """Add a path as `_plain` returns it; must not be called after `find`."""
        self._backwards[posixpath.basename(path)].append(_backwards(path))

    def find(self, name: str, table: str) -> str | None:
        """Return the path of `name` from the folder of `table`, else the only path that ends with `name`, else None."""
        last = posixpath.basename(name)
        paths = self._backwards.get(last, [])
        if last not in self._sorted:
            paths.sort()
            self._sorted.add(last)
        beside = _plain(posixpath.join(posixpath.dirname(table), name))
        if _backwards(beside) in _two_from(_backwards(beside), paths):
            return beside
        ending = _backwards(_plain(name))
        found = [path for path in _two_from(ending, paths) if path.startswith(ending)]
        return found[0][-2::-1] if len(found) == 1 else None


@dataclass(frozen=True)
class Listing:
    """The images of a tree, the lines of its tables by the table's path, and the paths of tables without labels."""

    images: ImagePaths = field(default_factory=ImagePaths)
    tables: dict[str, list[Line]] = field(default_factory=dict)
    other_tables: list[str] = field(default_factory=list)


def list_csv_images(tree: Tree, *, only: str | None = None) -> Iterator[Entry]:
    """List the images that the tables of a tree label, in the tree's order; `only` is the path of the one table to use.

    The tree is walked twice, first for the tables. A name in a table is a path from the table's folder, or an ending
    that only one image's path has. Folders such as `Valid/` name the split. Images that no table lists, and tables
    without labels, are logged and left out.

    Raises SourceError for a table that cannot be understood, names a missing file, or contradicts itself, another table
    or the class folders of its images.
    """
    listing = look_through(tree, only=only)
    if only is not None and only not in (*listing.tables, *listing.other_tables):
        raise SourceError(f"The table '{only}' is not in the folder '{tree.source}', or the folder cannot be listed.")
    labels = match(listing, source=tree.source)
    unlisted = 0
    for member in tree.members():
        path = _plain(member.path)
        if path in labels:
            label, split = labels[path], read_split(PurePosixPath(path).parent)
            yield entry_of(replace(member, path=path), source=tree.source, label=label, split=split, claims=(label,))
        else:
            unlisted += is_image(path)
    if unlisted:
        _log.warning("images_not_listed", source=tree.source, count=unlisted)


def refuse_contradicting_tables(tree: Tree) -> None:
    """Raise ContradictingLabels if a table calls an image real that lies in a folder of AI images, or the reverse.

    Call it if nobody named the kind of a source and its folders are about to give the labels. A table that cannot be
    understood is ignored.
    """
    listing, comparison = look_through(tree, tolerant=True), Comparison()
    for table, lines in listing.tables.items():
        for line in lines:
            path = listing.images.find(line.name, table)
            if path is not None:
                _compare(line, table, path, comparison)
    _refuse(comparison.find())
    _refuse(comparison.find(doubtful=True), otherwise="name the kind of the table (csv:<location>)")


def look_through(tree: Tree, *, only: str | None = None, tolerant: bool = False) -> Listing:
    """Walk through a tree once; raises SourceError for a table that cannot be understood.

    A `tolerant` walk ignores such a table, but still raises ContradictingLabels for a table that contradicts itself.
    """
    listing = Listing()
    for member in tree.members():
        path = _plain(member.path)
        if is_image(path):
            listing.images.add(path)
        elif path == only or (only is None and is_table(path)):
            try:
                lines = read_table(member.read(MOST_BYTES + 1), path=path)
                if lines is not None:
                    listing.tables[path] = list(lines)
                    continue
            except ContradictingLabels:
                raise
            except SourceError:
                if not tolerant:
                    raise
            listing.other_tables.append(path)
    return listing


def match(listing: Listing, *, source: str) -> dict[str, str]:
    """Return the label of every listed image by its path; raises SourceError as `list_csv_images` does."""
    if not listing.tables:
        raise SourceError(
            f"No table in '{source}' lists labelled images{_name_other_tables(listing.other_tables)}. "
            f"The first line of a CSV must name its columns: one of {', '.join(LABEL_COLUMNS)} for the label, any for "
            f"the image's file name "
            f"({', '.join(sorted(IMAGE_SUFFIXES))})."
        )
    if listing.other_tables:
        _log.info(
            "tables_without_labels", source=source, tables=listing.other_tables[:5], count=len(listing.other_tables)
        )
    labels: dict[str, str] = {}
    comparison = Comparison()
    for table, lines in listing.tables.items():
        for line, path in _locate(lines, table, listing.images):
            _compare(line, table, path, comparison)
            if labels.setdefault(path, line.label) != line.label:
                raise SourceError(f"The tables of '{source}' contradict each other: '{path}' is real and AI in them.")
    _refuse(comparison.find())
    return labels


def _compare(line: Line, table: str, path: str, comparison: Comparison) -> None:
    comparison.add(table, line.number, path, line.said, read_class_folder(folders_of(path)))


def _refuse(found: Contradiction | None, *, otherwise: str = "rename the folder") -> None:
    if found:
        raise ContradictingLabels(
            f"Line {found.row} of the table '{found.table}' contradicts a folder: {found} If the folders are right, "
            f"name their kind (folders:<location of the folder>). If the table is right, {otherwise}. "
            f"{NUMBERS_ARE_WRONG}"
        )


def _locate(lines: Iterable[Line], table: str, images: ImagePaths) -> Iterator[tuple[Line, str]]:
    missing = []
    for line in lines:
        beat()
        path = images.find(line.name, table)
        if path is None:
            missing.append(line)
        else:
            yield line, path
    if missing:
        raise SourceError(
            f"{len(missing):,} files that the table '{table}' names are missing (or there are several of that name), "
            f"first '{missing[0].name[:200]}' on line {missing[0].number}. Complete the files, remove the lines, or "
            "name another table as the source: csv:<path of the table>."
        )


def _backwards(path: str) -> str:
    return f"/{path}"[::-1]


def _two_from(beginning: str, paths: list[str]) -> list[str]:
    """Return the first two sorted paths from `beginning` on; paths that start with `beginning` come first."""
    first = bisect_left(paths, beginning)
    return paths[first : first + 2]


def _plain(path: str) -> str:
    return posixpath.normpath(path).lstrip("/")


def _name_other_tables(tables: list[str]) -> str:
    return f" ({', '.join(tables[:5])} {'does' if len(tables) == 1 else 'do'} not)" if tables else ""
