"""Turns the bytes of a CSV, as programs and spreadsheets save it, into numbered rows of cells."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from model.errors import SourceError
from model.processes import beat
from model.sources import json_lines

MOST_BYTES = 200_000_000
"""Most bytes of a table, some four million lines: one table is held in memory at a time."""

MOST_LINES = 5_000_000
"""Most lines of a table; a line that names an image and its label takes forty bytes or more."""

_HEADER: Final = 1_000_000
"""Characters that are searched for the first line."""

_CHUNK: Final = 1 << 20
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_EXCEL: Final = "cp1252"
"""The encoding in which Excel saves a plain CSV in western Europe and America."""

_SEPARATOR: Final = re.compile(r'"?sep=([,;|:~^\t])"?', re.IGNORECASE)


def read_lines(content: bytes, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a table that are not blank, with their numbers from 1; the first names the columns.

    JSON lines get the line of the columns, which they do not have, as line 0.

    Cells are separated by comma, semicolon or tab, or by what Excel's first line `sep=;` names. A table that is not
    UTF-8 or UTF-16 is read as Windows-1252. A wrong letter in a file's name shows, because no such file is there.

    Raises SourceError for a table that is too large, in another encoding, or no CSV.
    """
    if len(content) > MOST_BYTES:
        raise SourceError(f"The table '{path}' has more than {MOST_BYTES:,} bytes. Split it into several.")
    if json_lines.is_json_lines(path):
        yield from json_lines.read_rows(content, path)
        return
    encoding = _find_encoding(content)
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding, newline="")  # a decoded copy can be four times as large
        header = text.read(_HEADER).lstrip().partition("\n")[0]
        text.seek(0)
        named = _SEPARATOR.fullmatch(header.strip(" \r"))
        lines = csv.reader(text, delimiter=named[1] if named else max(",;\t", key=header.count))
        for number, cells in enumerate(lines, start=1):
            beat()
            if number > MOST_LINES:
                raise SourceError(f"The table '{path}' has more than {MOST_LINES:,} lines. Split it into several.")
            if named and any(cells):
                named = None  # the line that names the separator is no line of the table
            elif any(map(str.strip, cells)):
                yield number, cells
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The table '{path}' is not UTF-8: {error.reason} at byte {_first_wrong(content, encoding):,}. "
            "Save it as UTF-8."
        ) from error
    except csv.Error as error:
        raise SourceError(f"The table '{path}' is no CSV that can be read: {error}.") from error


def _find_encoding(content: bytes) -> str:
    marked = _BYTE_ORDER_MARKS.get(content[:2])
    if marked is not None:
        return marked
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), _CHUNK):
            decoder.decode(content[start : start + _CHUNK])
    except UnicodeDecodeError:
        return _EXCEL
    return "utf-8-sig"


def _first_wrong(content: bytes, encoding: str) -> int:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return len(content)
