"""Knows the files that `truegrain dataset export` wrote, and reads back what they say of each image."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from model.sources.labelled_image import LabelledImage

MARK: Final = b"truegrain"
"""The key of an export's metadata, whose value is the id of the dataset version."""

TOLD: Final = ("source", "generator", "collection", "licence", "origin", "revision")
"""The columns by which an image of an export keeps what it was, beside its label and split."""


_ALWAYS: Final = ("source", "origin")


def is_export(metadata: Mapping[bytes, bytes] | None) -> bool:
    """Tell whether the metadata of a Parquet file are those of an export."""
    return MARK in (metadata or {})


def as_told(image: LabelledImage, cells: Mapping[str, Any]) -> LabelledImage:
    """Return an image with what the row of an export says of it; an export of an earlier release may lack a column.

    A value that is no text is ignored. A missing one counts, except that every image has a source and an origin.
    """
    told = {name: cells[name] for name in TOLD if name in cells and isinstance(cells[name], str | None)}
    return replace(image, **{name: text for name, text in told.items() if text is not None or name not in _ALWAYS})
