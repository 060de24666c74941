"""Finds the columns of a Parquet shard that hold images and labels, and reads labels from cells."""

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from model.errors import SourceError
from model.labels import find_label, parse_label
from model.sources.claims import named_by
from model.sources.csv_columns import LABEL_COLUMNS, is_label_title, read_label
from model.sources.image_column import field_names, find_image_column
from model.sources.shard_claims import class_names, named_after_classes

REVIEW: Final = "review"
"""The column with the result of the review in a file of reports. No such file is read as a data set."""

_MOST_BYTES_OF_WORDS: Final = 1_000_000
"""Most bytes of all columns beside the image, in the rows that are read at once."""


def find_columns(schema: pa.Schema, path: str, *, needed: list[str]) -> tuple[str, list[str]]:
    """Return the name of the column of images, and those that may hold labels; raises SourceError if there are none.

    Also raises SourceError for a file of users' reports, unless the column REVIEW is `needed`.
    """
    image = find_image_column(schema, path)
    labels = [field.name for field in schema if is_label_title(field.name) and _may_hold_labels(field.type)]
    labels = labels or named_after_classes(schema)
    if image is None or not labels or not set(needed) <= set(schema.names):
        raise SourceError(
            f"The Parquet file '{path}' holds no labelled images: its columns are {', '.join(schema.names)[:500]}. "
            f"Needed are a struct with a field 'bytes' or plain bytes{''.join(f', {name}' for name in needed)} and a "
            f"label: a column called one of {', '.join(LABEL_COLUMNS)}, or a ClassLabel whose names are classes."
        )
    if REVIEW in schema.names and REVIEW not in needed:
        raise SourceError(
            f"The Parquet file '{path}' has a column '{REVIEW}', as files of users' reports have. A report that "
            "nobody has accepted must not enter. Name the kind, feedback:<location>, or rename the column."
        )
    return image, labels


def label_reader(schema: pa.Schema, column: str, path: str) -> Callable[[Any], str | None]:
    """Return a function that turns a cell into a label, or into None if the cell has none.

    Raises SourceError for a column that holds neither words nor numbers with names.
    """
    kind = schema.field(column).type
    if _holds_words(kind):
        return lambda value: None if value is None else _label_in_words(str(value), column)
    classes, named = class_names(schema, column), named_by(column) is not None
    if (pa.types.is_boolean(kind) and named) or (pa.types.is_integer(kind) and named and not classes):
        return lambda value: None if value is None or value == -1 else _label_in_words(str(value), column)
    if not pa.types.is_integer(kind) or not classes:
        raise SourceError(
            f"The labels of the Parquet file '{path}' are of the type {kind}, and nothing says which of them is AI. "
            "Write them as words, or as a ClassLabel with names, or name the column after the class, such as is_ai."
        )
    labels = [find_label(name) for name in classes]

    def read(value: int | None) -> str | None:
        if value is None or value == -1:
            return None
        label = labels[value] if 0 <= value < len(labels) else None
        return label or parse_label(classes[value] if 0 <= value < len(labels) else str(value))

    return read


def word_reader(schema: pa.Schema, column: str, path: str) -> Callable[[Any], str]:
    """Return a function that turns a cell into a word, which is empty if the cell has none.

    Raises SourceError for a column that holds neither words nor a ClassLabel's numbers.
    """
    kind, classes = schema.field(column).type, class_names(schema, column)
    if _holds_words(kind) or pa.types.is_null(kind):
        return lambda value: "" if value is None else str(value).strip()
    if pa.types.is_integer(kind) and classes:
        return lambda value: classes[value] if value is not None and 0 <= value < len(classes) else ""
    raise SourceError(
        f"The column '{column}' of the Parquet file '{path}' is of the type {kind}, which names nothing. Write "
        "words, or a ClassLabel with names, or rename the column."
    )


def _may_hold_labels(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_words(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _label_in_words(word: str, column: str) -> str:
    found = read_label(word, column)
    return found.label if found else parse_label(word)


def refuse_long_words(batch: pa.RecordBatch, image: str, words: list[str], path: str) -> None:
    """Raise SourceError for rows that hold far more than words beside their images."""
    size = batch.select(words).nbytes
    if image in batch.schema.names and "path" in field_names(batch.schema.field(image).type):
        size += batch.column(image).field("path").nbytes
    if size > _MOST_BYTES_OF_WORDS:
        raise SourceError(
            f"The Parquet file '{path}' holds {size:,} bytes beside {len(batch)} images, which are no labels, names or "
            f"paths; at most {_MOST_BYTES_OF_WORDS:,} are read. Leave such columns out: {', '.join(words)[:200]}."
        )
