"""Finds the column of a Parquet shard that holds the images, and reads an image's bytes and path from a cell."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from model.errors import SourceError

_TITLES: Final = (
    "image",
    "img",
    "picture",
    "photo",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "image_bytes",
    "image_data",
    "bytes",
)
"""Titles of the column of images, in lower case, the likeliest first, if several columns hold images or bytes."""


def find_image_column(schema: pa.Schema, path: str) -> str | None:
    """Return the column of images: a struct with a field `bytes`, as `datasets` writes it, or else a column of bytes.

    Returns None if there is no such column. Raises SourceError if several could be meant, and for lists of images.
    """
    structs = [field.name for field in schema if _is_image(field.type)]
    found: list[str] = structs or [field.name for field in schema if is_bytes(field.type)]
    lists = [field.name for field in schema if pa.types.is_list(field.type) and _is_image(field.type.value_type)]
    if lists and not found:
        raise SourceError(
            f"The column '{lists[0][:200]}' of the Parquet file '{path}' holds lists of images. Give each image a row "
            "of its own."
        )
    if len(found) < 2:
        return found[0] if found else None
    known = sorted((name for name in found if name.lower() in _TITLES), key=lambda name: _TITLES.index(name.lower()))
    if not known:
        raise SourceError(
            f"Several columns of the Parquet file '{path}' may hold the images: {', '.join(found)[:500]}. Call the one "
            "that is meant 'image', or leave the others out."
        )
    return known[0]


def columns_of(schema: pa.Schema, column: str, fields: Sequence[str]) -> list[str]:
    """Return what is read of the column of images for these `fields`, `bytes` or `path`; plain bytes have no path."""
    if is_bytes(schema.field(column).type):
        return [column] if "bytes" in fields else []
    known = field_names(schema.field(column).type)
    return [f"{column}.{field}" for field in fields if field in known]


def bytes_of(cell: Any) -> Any | None:
    """Return the Arrow scalar with the bytes of an image; None if the cell has none."""
    if not is_bytes(cell.type):
        cell = cell["bytes"] if cell.is_valid else None
    return cell if cell is not None and cell.is_valid else None


def path_of(cell: Any) -> str | None:
    """Return the path of an image; None without a cell or a path, and if the path is no text."""
    path = cell["path"].as_py() if cell is not None and "path" in field_names(cell.type) else None
    return path if isinstance(path, str) else None


def field_names(struct: pa.DataType) -> list[str]:
    """Return the names of a struct's fields; none for any other type."""
    return [struct.field(index).name for index in range(struct.num_fields)] if pa.types.is_struct(struct) else []


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column of this type holds plain bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_image(kind: pa.DataType) -> bool:
    return "bytes" in field_names(kind)
