"""A CSV that lists images and their labels: its bytes -> one Entry a line."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from model.errors import SourceError
from model.labels import AI, CLASSES, REAL, describe_spellings, find_label
from model.sources.tree import is_image

SUFFIXES = (".csv", ".tsv")
"""What a file must be called to be read as a table."""

MOST_BYTES = 200_000_000
"""The largest table read, some four million lines: one is held in memory at a time."""

LABEL_COLUMNS = ("label", "labels", "class", "category", "target", "is_ai", "is_fake", "ai", "fake", "generated")
"""The columns taken for the label, in lower case. None of them is called after the real images: 1 is always AI."""

_NUMBERS = {"0": CLASSES[REAL], "1": CLASSES[AI], "0.0": CLASSES[REAL], "1.0": CLASSES[AI]}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line of a table says: the image's name as it stands there, and its label."""

    line: int
    name: str
    label: str


@dataclass(frozen=True)
class Columns:
    """Where in a line the image's name and its label stand."""

    name: int
    label: int


def is_table(path: str) -> bool:
    """Whether `path` is called like a table."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def read_table(content: bytes, *, path: str) -> Iterator[Entry] | None:
    """Return the entries of a table, or None when it lists no labelled images, like that of an unlabelled test set.

    The first line names the columns. The label's is one of LABEL_COLUMNS; the image's is the one in whose first line
    an image is named. Raises SourceError for a table that is not UTF-8 or UTF-16, or too large, and while it is read
    for a cell that names no label.
    """
    if len(content) > MOST_BYTES:
        raise SourceError(f"The table '{path}' has more than {MOST_BYTES:,} bytes. Split it into several.")
    lines = _lines(content, path)
    header, first = next(lines, []), next(lines, [])
    columns = find_columns(header, first)
    return _entries([first], lines, columns, path) if columns else None


def find_columns(header: list[str], first: list[str]) -> Columns | None:
    """Tell the columns from a table's first two lines; None unless both are there."""
    labels = (index for index, title in enumerate(header) if title.strip().lower() in LABEL_COLUMNS)
    names = (index for index, cell in enumerate(first) if is_image(_slashes(cell)))
    label, name = next(labels, None), next(names, None)
    return None if label is None or name is None else Columns(name, label)


def _entries(first: list[list[str]], lines: Iterator[list[str]], columns: Columns, path: str) -> Iterator[Entry]:
    for number, cells in enumerate((*first, *lines), start=2):
        if not any(cells):
            continue
        if len(cells) <= max(columns.name, columns.label):
            raise SourceError(f"Line {number} of the table '{path}' ends early: it has {len(cells)} cells.")
        label = _NUMBERS.get(cells[columns.label].strip()) or find_label(cells[columns.label])
        if label is None:
            raise SourceError(
                f"Line {number} of the table '{path}': '{cells[columns.label][:50]}' names no label. "
                f"Known are 0 (real), 1 (AI) and words. {describe_spellings()}"
            )
        yield Entry(number, _slashes(cells[columns.name]), label)


def _lines(content: bytes, path: str) -> Iterator[list[str]]:
    try:
        text = content.decode(_BYTE_ORDER_MARKS.get(content[:2], "utf-8-sig"))
        header = text.partition("\n")[0]
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The table '{path}' is not UTF-8: {error.reason} at byte {error.start:,}. Save it as UTF-8."
        ) from error
    except csv.Error as error:
        raise SourceError(f"The table '{path}' is no CSV that can be read: {error}.") from error


def _slashes(name: str) -> str:
    return name.strip().replace("\\", "/")
