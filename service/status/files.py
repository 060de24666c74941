"""Notes: what one process writes down for the others on this machine, each a JSON file that is there whole or not."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from upath import UPath

from model.files import write_text

_Note = TypeVar("_Note", bound=BaseModel)


def write_note(path: Path, note: BaseModel) -> None:
    """Write a note in the place of an earlier one; raises OSError or StorageFull when it cannot be written."""
    write_text(UPath(path), note.model_dump_json(indent=1))


def read_note(path: Path, kind: type[_Note]) -> _Note | None:
    """Return the note at `path`; None when there is none yet, or when it cannot be read."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
