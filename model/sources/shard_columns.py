"""Finds the columns of a Parquet shard that hold images and labels, and reads labels from cells."""

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from model.errors import SourceError
from model.labels import find_label, parse_label
from model.sources.csv_table import LABEL_COLUMNS
from model.sources.shard_claims import class_names

REVIEW: Final = "review"
"""The column with the result of the review in a file of reports. No such file is read as a data set."""

_MOST_BYTES_OF_WORDS: Final = 1_000_000
"""Most bytes of all columns beside the image, in the rows that are read at once."""


def find_columns(schema: pa.Schema, path: str, *, needed: list[str]) -> tuple[str, str]:
    """Return the names of the columns of images and of labels; raises SourceError if either is missing.

    Also raises SourceError for a file of users' reports, unless the column REVIEW is `needed`.
    """
    images = [field.name for field in schema if pa.types.is_struct(field.type) and "bytes" in field_names(field.type)]
    labels = [field.name for field in schema if field.name.lower() in LABEL_COLUMNS]
    if not images or not labels or not set(needed) <= set(schema.names):
        raise SourceError(
            f"The Parquet file '{path}' holds no labelled images: its columns are {', '.join(schema.names)[:500]}. "
            f"Needed are a struct with a field 'bytes'{''.join(f', {name}' for name in needed)} and a label called one "
            f"of {', '.join(LABEL_COLUMNS)}."
        )
    if REVIEW in schema.names and REVIEW not in needed:
        raise SourceError(
            f"The Parquet file '{path}' has a column '{REVIEW}', as files of users' reports have. A report that "
            "nobody has accepted must not enter. Name the kind, feedback:<location>, or rename the column."
        )
    return images[0], labels[0]


def field_names(struct: pa.DataType) -> list[str]:
    """Return the names of a struct's fields."""
    return [struct.field(index).name for index in range(struct.num_fields)]


def label_reader(schema: pa.Schema, column: str, path: str) -> Callable[[Any], str | None]:
    """Return a function that turns a cell into a label, or into None if the cell has none.

    Raises SourceError for a column that holds neither words nor numbers with names.
    """
    kind = schema.field(column).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return lambda value: None if value is None else parse_label(str(value))
    classes = class_names(schema, column)
    if not pa.types.is_integer(kind) or not classes:
        raise SourceError(
            f"The labels of the Parquet file '{path}' are of the type {kind}, and nothing says which of them is AI. "
            "Write them as words, or as a ClassLabel with names."
        )
    labels = [find_label(name) for name in classes]

    def read(value: int | None) -> str | None:
        if value is None or value == -1:
            return None
        label = labels[value] if 0 <= value < len(labels) else None
        return label or parse_label(classes[value] if 0 <= value < len(labels) else str(value))

    return read


def refuse_long_words(batch: pa.RecordBatch, image: str, words: list[str], path: str) -> None:
    """Raise SourceError for rows that hold far more than words beside their images."""
    paths = batch.column(image)
    size = batch.select(words).nbytes + (paths.field("path").nbytes if "path" in field_names(paths.type) else 0)
    if size > _MOST_BYTES_OF_WORDS:
        raise SourceError(
            f"The Parquet file '{path}' holds {size:,} bytes beside {len(batch)} images, which are no labels, names or "
            f"paths; at most {_MOST_BYTES_OF_WORDS:,} are read. Leave such columns out: {', '.join(words)[:200]}."
        )
