"""Finds labels of a Parquet shard that contradict its other columns or its class folders."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa

from model.errors import ContradictingLabels, SourceError
from model.labels import find_label
from model.sources.claims import Claim, Contradiction, read_cell, read_class_folder, speaks_of_labels
from model.sources.class_folders import folders_of

Read = Callable[[Any], Claim | None]
"""Returns what a cell of a column claims, or None."""

_MOST_COLUMNS: Final = 100
"""Columns titled like a label; a row of empty ones takes no bytes, and time for each."""


@dataclass(frozen=True)
class ShardClaims:
    """Compares the labels of the shard at `path` with its `columns`, and with the class folders in paths.

    Doubtful words claim nothing here: only reading all rows would show whether another row agrees with them.
    """

    path: str
    label: str
    columns: dict[str, Read]

    def compare(self, row: int, label: str, cells: dict[str, Any], *, image: str | None) -> None:
        """Raise ContradictingLabels if a row contradicts its `label`; `image` is the image's path, if it has one."""
        beside = (read(cells[column]) for column, read in self.columns.items())
        folders = (read_class_folder(folders_of(path.replace("\\", "/"))) for path in (self.path, image or ""))
        for claim in (*beside, *folders):
            if claim and claim.certain and claim.label != label:
                said = Claim(f"in the column '{self.label}'", str(cells[self.label]), label)
                found = Contradiction(self.path, row, image or self.path, said, claim)
                raise ContradictingLabels(
                    f"Row {row} of the Parquet file '{self.path}' contradicts itself: {found} Correct the label or "
                    "the claim. Rename a folder, or remove a column, that is about something else."
                )


def find_claims(schema: pa.Schema, label: str, path: str) -> ShardClaims:
    """Find the columns of a shard that may claim a label beside the column `label`; raises SourceError for a crowd."""
    titles = [
        field.name
        for field in schema
        if field.name != label and speaks_of_labels(field.name) and not pa.types.is_nested(field.type)
    ]
    if len(titles) > _MOST_COLUMNS:
        raise SourceError(
            f"The Parquet file '{path}' has {len(titles):,} columns titled like a label, such as '{titles[0][:100]}'; "
            f"at most {_MOST_COLUMNS} are read. Leave out or rename those that are none."
        )
    columns: dict[str, Read] = {title: partial(_read, title, class_names(schema, title)) for title in titles}
    return ShardClaims(path, label, columns)


def class_names(schema: pa.Schema, column: str) -> list[str]:
    """Return the names of a ClassLabel's numbers from the schema's `huggingface` metadata; empty if there are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[column]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def named_after_classes(schema: pa.Schema) -> list[str]:
    """Return the ClassLabel columns of any title, each of whose names stands for a class."""
    names = {field.name: class_names(schema, field.name) for field in schema if pa.types.is_integer(field.type)}
    return [column for column, words in names.items() if words and all(map(find_label, words))]


def _read(title: str, names: list[str], value: Any) -> Claim | None:
    if names and isinstance(value, int):
        return read_cell(title, names[value]) if 0 <= value < len(names) else None
    return None if value is None else read_cell(title, str(value))
