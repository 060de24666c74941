"""Looks through a tree for tables and images, and finds out which image each line of a table is about."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from model.errors import ContradictingLabels, SourceError
from model.processes import beat
from model.sources.claims import Comparison, Contradiction, read_class_folder
from model.sources.class_folders import folders_of
from model.sources.csv_columns import LABEL_COLUMNS
from model.sources.csv_table import NUMBERS_ARE_WRONG, Line, has_labels, read_table
from model.sources.csv_text import MOST_BYTES
from model.sources.image_paths import ImagePaths, plain
from model.sources.remarks import Remarks
from model.sources.splits import find_split, may_name_split
from model.sources.told import Told
from model.sources.tree import IMAGE_SUFFIXES, Tree, is_image, is_table


@dataclass(frozen=True)
class Listing:
    """The images of a tree, the lines of its tables by the table's path, and why other tables are not read."""

    images: ImagePaths
    tables: dict[str, list[Line]] = field(default_factory=dict)
    other_tables: dict[str, str] = field(default_factory=dict)
    remarks: Remarks = field(default_factory=Remarks)


def look_through(tree: Tree, *, only: str | None = None, tolerant: bool = False) -> Listing:
    """Walk through a tree once; raises SourceError for a table that cannot be understood.

    A `tolerant` walk ignores such a table, but still raises ContradictingLabels for a table that contradicts itself.
    """
    listing, contents = Listing(ImagePaths(tree.root)), dict[str, bytes]()
    for member in tree.members():
        path = plain(member.path)
        if is_image(path):
            listing.images.add(path)
        elif path == only or (only is None and is_table(path)):
            contents[path] = member.read(MOST_BYTES + 1)
            with _understanding(listing, path, tolerant=tolerant):
                if not has_labels(contents[path], path=path):
                    del contents[path]
                    listing.other_tables[path] = "has no column of labels"
    for path in list(contents):
        with _understanding(listing, path, tolerant=tolerant):
            lines = read_table(
                contents.pop(path),
                path=path,
                exists=partial(listing.images.holds, table=path),
                remarks=listing.remarks,
            )
            if lines is None:
                listing.other_tables[path] = "names no image"
            else:
                listing.tables[path] = list(lines)
    return listing


def covers(listing: Listing) -> bool:
    """Whether the tables label every image of a tree, and name no file that is missing."""
    found = set[str]()
    for table, lines in listing.tables.items():
        for line in lines:
            path = listing.images.find(line.name, table)
            if path is None:
                return False
            found.add(path)
    return bool(found) and len(found) == len(listing.images)


def refuse_contradicting_tables(listing: Listing) -> None:
    """Raise ContradictingLabels if a table calls an image real that lies in a folder of AI images, or the reverse.

    Call it if nobody named the kind of a source, and folders and tables could both give the labels.
    """
    comparison = Comparison()
    for table, lines in listing.tables.items():
        for line in lines:
            path = listing.images.find(line.name, table)
            if path is not None:
                _compare(line, table, path, comparison)
    _refuse(comparison.find())
    _refuse(comparison.find(doubtful=True), otherwise="name the kind of the table (csv:<location>)")


def match(listing: Listing, *, source: str) -> dict[str, tuple[str, Told]]:
    """Return what the tables say about each listed image, by its path: the label, and what else they tell.

    Raises SourceError as `list_csv_images` does.
    """
    if not listing.tables:
        raise SourceError(
            f"No table in '{source}' lists labelled images{_name_other_tables(listing.other_tables)}. "
            f"The first line of a CSV must name its columns: one of {', '.join(LABEL_COLUMNS)} for the label, any for "
            f"the image's file name "
            f"({', '.join(sorted(IMAGE_SUFFIXES))})."
        )
    for table, reason in listing.other_tables.items():
        listing.remarks.add(f"Left out: a table that {reason}.", table)
    splits = _splits_of_tables(listing)
    found: dict[str, tuple[str, Told]] = {}
    comparison = Comparison()
    for table, lines in listing.tables.items():
        for line, path in _locate(lines, table, listing.images):
            _compare(line, table, path, comparison)
            told = line.told if line.told.split or splits[table] is None else replace(line.told, split=splits[table])
            if path in found:
                label, earlier = found[path]
                if label != line.label:
                    raise SourceError(
                        f"The tables of '{source}' contradict each other: '{path}' is real and AI in them."
                    )
                told = _join(earlier, told, path)
            found[path] = (line.label, told)
    _refuse(comparison.find())
    return found


def agree(one: str | None, other: str | None, problem: str) -> str | None:
    """Return what one of two sides says; raises SourceError with the `problem` if both say something else."""
    if one and other and one != other:
        raise SourceError(f"Contradiction: {problem}, '{one[:50]}' and '{other[:50]}'. Correct the one that is wrong.")
    return one or other


def _splits_of_tables(listing: Listing) -> Mapping[str, str | None]:
    """Return the split that each table is named after; None for all if no table is named after val or test."""
    stems = {table: table.rpartition("/")[2].rpartition(".")[0] for table in listing.tables}
    named = {table: find_split(stem) for table, stem in stems.items()}
    for table, stem in stems.items():
        if may_name_split(stem):
            listing.remarks.add(
                f"The name of the table '{table}' may be that of a published split, but is not understood: its images "
                "are divided as if they had none. Rename the table to train, val or test if it is one.",
                table,
                warns=True,
            )
    return named if {"val", "test"} & {*named.values()} else dict.fromkeys(named)


def _join(one: Told, other: Told, path: str) -> Told:
    return Told(
        agree(one.split, other.split, f"the tables name two splits of the image '{path[-200:]}'"),
        agree(one.generator, other.generator, f"the tables name two generators of the image '{path[-200:]}'"),
        one.collection or other.collection,
    )


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
    """Yield each line with the path of its image; raises SourceError for missing files, and for one under two names."""
    missing, named = [], dict[str, str]()
    for line in lines:
        beat()
        path = images.find(line.name, table)
        if path is None:
            missing.append(line)
        elif plain(named.setdefault(path, line.name)) != plain(line.name):
            raise SourceError(
                f"Line {line.number} of the table '{table}' names '{line.name[-200:]}', an earlier line "
                f"'{named[path][-200:]}', and both can only mean the file '{path[-200:]}'. Complete the files."
            )
        else:
            yield line, path
    if missing:
        raise SourceError(
            f"{len(missing):,} files that the table '{table}' names are missing (or there are several of that name), "
            f"first '{missing[0].name[:200]}' on line {missing[0].number}. Complete the files, remove the lines, or "
            "name another table as the source: csv:<path of the table>."
        )


@contextmanager
def _understanding(listing: Listing, path: str, *, tolerant: bool) -> Iterator[None]:
    try:
        yield
    except ContradictingLabels:
        raise
    except SourceError as error:
        if not tolerant:
            raise
        listing.other_tables[path] = f"is not understood: {error}"


def _name_other_tables(tables: Iterable[str]) -> str:
    names = list(tables)
    return f" ({', '.join(names[:5])} {'does' if len(names) == 1 else 'do'} not)" if names else ""
