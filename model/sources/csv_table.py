"""Reads a CSV that lists images and their labels: from the bytes of the file to one Line for each image."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import structlog

from model.errors import ContradictingLabels, SourceError
from model.labels import describe_spellings, find_label
from model.processes import beat
from model.sources.claims import NUMBERS, Claim, Comparison, read_cell
from model.sources.labelled_image import LONGEST_ORIGIN
from model.sources.tree import is_image

SUFFIXES = (".csv", ".tsv")
"""The endings of file names that are read as tables."""

MOST_BYTES = 200_000_000
"""Most bytes of a table, some four million lines: one table is held in memory at a time."""

MOST_LINES = 5_000_000
"""Most lines of a table; a line that names an image and its label takes forty bytes or more."""

LABEL_COLUMNS = ("label", "labels", "class", "category", "target", "is_ai", "is_fake", "ai", "fake", "generated")
"""Titles of label columns, in lower case. None is named after real images, because 1 is always AI."""

NUMBERS_ARE_WRONG = "If 1 stands for real images in this table, write words in place of its numbers."
"""A way out that errors name if a label contradicts another column or a folder."""

_HEADER = 1_000_000
"""Characters that are searched for the first line."""

_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its `number`, the image's `name` as written, and the claim of its label cell (`said`)."""

    number: int
    name: str
    said: Claim

    @property
    def label(self) -> str:
        """The label that the line gives its image, 'real' or 'ai'."""
        return self.said.label


@dataclass(frozen=True)
class Columns:
    """Indices of the columns with the image's name and its label, and the titles of all columns."""

    name: int
    label: int
    titles: tuple[str, ...]


def is_table(path: str) -> bool:
    """Whether a file at `path` is read as a table."""
    return path.lower().endswith(SUFFIXES)


def read_table(content: bytes, *, path: str) -> Iterator[Line] | None:
    """Return the lines of a table, or None if it lists no labelled images, as for an unlabelled test set.

    The first line names the columns. The label's column is one of LABEL_COLUMNS. The image's column is the first that
    names at least half as many images as any other. Lines that name no image are counted and logged.

    Raises SourceError for a table that is not UTF-8 or UTF-16, too large, or too deep. The lines raise SourceError for
    a cell that names no label. At the end they raise ContradictingLabels for a label that another column contradicts.
    """
    if len(path) > LONGEST_ORIGIN:  # each line is looked for beside the table
        raise SourceError(
            f"The path of the table '{path[:100]}…{path[-100:]}' has {len(path):,} characters; at most "
            f"{LONGEST_ORIGIN:,} are read. Move the table up."
        )
    if len(content) > MOST_BYTES:
        raise SourceError(f"The table '{path}' has more than {MOST_BYTES:,} bytes. Split it into several.")
    columns = _find_columns(_lines(content, path), path)
    return _read_lines(_lines(content, path), columns, path) if columns else None


def _find_columns(lines: Iterator[tuple[int, list[str]]], path: str) -> Columns | None:
    """Find the columns by reading all lines; None if there is no label column, or no column of images."""
    _, header = next(lines, (0, []))
    label = next((index for index, title in enumerate(header) if title.strip().lower() in LABEL_COLUMNS), None)
    if label is None:
        return None
    naming, count = Counter[int](), 0
    for _, cells in lines:
        count += 1
        for index, cell in enumerate(cells):
            if "." in cell and is_image(_slashes(cell)):
                naming[index] += 1
    if not naming:
        if count:
            _log.warning("table_names_no_image", table=path, lines=count)
        return None
    most = max(naming.values())
    name = min(index for index, named in naming.items() if 2 * named >= most)
    return Columns(name, label, tuple(title.strip() for title in header))


def _read_lines(lines: Iterator[tuple[int, list[str]]], columns: Columns, path: str) -> Iterator[Line]:
    comparison, left_out = Comparison(), Counter[str]()
    ours, titles = (columns.name, columns.label), columns.titles
    labels = {index for index, title in enumerate(titles) if title.lower() in LABEL_COLUMNS}
    next(lines)
    for number, cells in lines:
        if len(cells) <= max(columns.name, columns.label):
            raise SourceError(f"Line {number} of the table '{path}' ends early: it has {len(cells)} cells.")
        name = _slashes(cells[columns.name])
        if not is_image(name):
            suffix = PurePosixPath(name).suffix.lower()
            if suffix or not name:
                left_out[suffix or "no name"] += 1
                continue
        said = _read_label(cells[columns.label], columns.titles[columns.label])
        if said is None:
            raise SourceError(
                f"Line {number} of the table '{path}': '{cells[columns.label][:50]}' names no label. "
                f"Known are 0 (real), 1 (AI) and words. {describe_spellings()}"
            )
        in_words = said.word not in NUMBERS
        for index, (title, cell) in enumerate(zip(titles, cells, strict=False)):  # as far as the shorter of the two
            if cell and index not in ours:
                claim = read_cell(title, cell, numbers=in_words and index in labels)
                comparison.add(path, number, name, said, claim)
        yield Line(number, name, said)
    if left_out:
        _log.warning("lines_without_image", table=path, count=left_out.total(), suffixes=dict(left_out.most_common(5)))
    found = comparison.find()
    if found:
        raise ContradictingLabels(
            f"Line {found.row} of the table '{path}' contradicts itself: {found} {NUMBERS_ARE_WRONG} If the other "
            "column is about something else, remove it."
        )


@lru_cache(maxsize=4096)
def _read_label(cell: str, title: str) -> Claim | None:
    word = cell.strip()
    label = NUMBERS.get(word) or find_label(word)
    return Claim(f"in the column '{title}'", word, label) if label else None


def _lines(content: bytes, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a table that are not blank, with their numbers from 1."""
    encoding = _BYTE_ORDER_MARKS.get(content[:2], "utf-8-sig")
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")  # a decoded copy can be four times as large
        header = text.read(_HEADER).lstrip().partition("\n")[0]
        text.seek(0)
        lines = csv.reader(text, delimiter=max(",;\t", key=header.count))
        for number, cells in enumerate(lines, start=1):
            beat()
            if number > MOST_LINES:
                raise SourceError(f"The table '{path}' has more than {MOST_LINES:,} lines. Split it into several.")
            if any(map(str.strip, cells)):
                yield number, cells
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The table '{path}' is not UTF-8: {error.reason} at byte {_first_wrong(content, encoding):,}. "
            "Save it as UTF-8."
        ) from error
    except csv.Error as error:
        raise SourceError(f"The table '{path}' is no CSV that can be read: {error}.") from error


def _first_wrong(content: bytes, encoding: str) -> int:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return len(content)


def _slashes(name: str) -> str:
    return name.strip().replace("\\", "/")
