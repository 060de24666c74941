"""Searches for erased bytes: in every file, in the columns of Parquet files, and in pictures inside pages."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def find_traces(folder: Path, needles: Iterable[bytes]) -> list[str]:
    """Return the files under a folder that contain any of the needles, plain or in base64."""
    wanted = [form for needle in needles for form in (needle, base64.b64encode(needle))]
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [str(path.relative_to(folder)) for path in files if _holds(path, wanted)]


def _holds(path: Path, wanted: list[bytes]) -> bool:
    return any(form in content for content in _contents(path) for form in wanted)


def _contents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if content.startswith(b"PAR1"):
        for column in pq.read_table(path).columns:
            yield from _values(column)


def _values(column: pa.ChunkedArray) -> Iterator[bytes]:
    for value in column.to_pylist():
        for cell in value.values() if isinstance(value, dict) else [value]:
            if isinstance(cell, bytes):
                yield cell
            elif isinstance(cell, str):
                yield cell.encode()
