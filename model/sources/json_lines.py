"""Turns JSON lines, such as Hugging Face's metadata.jsonl, into the numbered rows of cells of a table."""

import json
from collections.abc import Iterator
from typing import Any, Final

from model.errors import SourceError
from model.processes import beat

SUFFIXES: Final = (".jsonl", ".ndjson")
"""The endings of file names that are read as JSON lines."""

MOST_LINES: Final = 5_000_000
_MOST_FIELDS: Final = 1_000


def is_json_lines(path: str) -> bool:
    """Whether a file at `path` is read as JSON lines."""
    return path.lower().endswith(SUFFIXES)


def read_rows(content: bytes, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the titles as row 0, and then each line that is not blank, with its number from 1.

    The titles are the names of all fields of all lines. A field that is missing, null or nested is an empty cell, and
    true and false are words. Raises SourceError for a line that is no JSON object, and for too many lines or fields.
    """
    titles: dict[str, None] = {}
    for number, fields in _objects(content, path):
        titles.update(dict.fromkeys(fields))
        if len(titles) > _MOST_FIELDS:
            raise SourceError(
                f"Line {number} of the table '{path}' brings the fields to more than {_MOST_FIELDS:,}. Leave some out."
            )
    yield 0, list(titles)
    for number, fields in _objects(content, path):
        yield number, [_cell(fields.get(title)) for title in titles]


def _objects(content: bytes, path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_lines(content), start=1):
        beat()
        if number > MOST_LINES:
            raise SourceError(f"The table '{path}' has more than {MOST_LINES:,} lines. Split it into several.")
        if not line.strip():
            continue
        try:
            fields = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            raise SourceError(f"Line {number} of the table '{path}' is no JSON in UTF-8: {error}.") from error
        if not isinstance(fields, dict):
            raise SourceError(f"Line {number} of the table '{path}' is no JSON object, such as {{\"file_name\": …}}.")
        yield number, fields


def _lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines one by one: a list of them would take several times the memory of the table."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield content[start:end]
        start = end + 1


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""
