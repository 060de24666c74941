"""Writes and reads the JSON files that one process leaves for the others; a reader finds a whole file or none."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from upath import UPath

from model.files import write_text

_Content = TypeVar("_Content", bound=BaseModel)


def write_file(path: Path, content: BaseModel) -> None:
    """Replace the file at `path`; raises OSError or StorageFull when it cannot be written."""
    write_text(UPath(path), content.model_dump_json(indent=1))


def read_file(path: Path, kind: type[_Content]) -> _Content | None:
    """Return what the file at `path` holds; None when there is no file yet, or when it cannot be read."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
