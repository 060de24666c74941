"""Chooses the images of an export, and divides them among files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from model.dataset.lake import Lake
from model.dataset.manifest import SPLITS, read_manifest, split_rows
from model.dataset.tombstones import read_kept_out
from model.images.formats import SUFFIXES

EXPORTED: Final = (
    "sha256", "label", "generator", "source", "split", "collection", "licence", "origin", "revision", "ingested_at",
    "cluster", "width", "height",
)  # fmt: skip
"""The columns of a manifest that an export holds of each image."""

_SHARD_BYTES: Final = 500_000_000
_SHARD_IMAGES: Final = 50_000
"""Most bytes and most images of one file, as Hugging Face cuts its shards."""

_NAMES: Final = {"train": "train", "val": "validation", "test": "test"}
"""The name of a split in the name of a file, as Hugging Face's readers know it."""

_ENDINGS: Final = {format_: suffix for suffix, format_ in reversed(SUFFIXES.items())}


@dataclass(frozen=True)
class Shard:
    """One file of an export: its path without the ending, and the rows of the manifest whose images it holds."""

    stem: str
    rows: pd.DataFrame

    def images(self, lake: Lake) -> Iterator[tuple[dict[str, Any], str, bytes]]:
        """Yield of each image the columns EXPORTED (None for a value that is missing), its file name and its bytes."""
        rows = self.rows[list(EXPORTED)].astype("object")
        facts = rows.where(rows.notna(), None).to_dict("records")
        for row, format_, data in zip(facts, self.rows["format"], lake.read_images(self.rows), strict=True):
            yield {str(name): value for name, value in row.items()}, row["sha256"] + _ENDINGS[format_], data


def read_rows(lake: Lake, version: str) -> tuple[pd.DataFrame, int]:
    """Return the rows of a published version that no tombstone keeps out, and the number of the other rows.

    Raises DatasetError if the version is not published.
    """
    rows = read_manifest(lake, version)
    withdrawn = read_kept_out(lake).mark(rows)
    return rows[~withdrawn].reset_index(drop=True), int(withdrawn.sum())


def cut(rows: pd.DataFrame) -> list[Shard]:
    """Divide rows into files of bounded size, each of one split, in the order of the manifest."""
    return [
        Shard(f"data/{_NAMES[split]}-{number:05}-of-{len(pieces):05}", piece)
        for split in SPLITS
        if (pieces := _pieces(split_rows(rows, split)))
        for number, piece in enumerate(pieces)
    ]


def _pieces(rows: pd.DataFrame) -> list[pd.DataFrame]:
    starts, size = [0], 0
    for number, image in enumerate(rows["bytes"]):
        if (size + image > _SHARD_BYTES and size) or number - starts[-1] >= _SHARD_IMAGES:
            starts.append(number)
            size = 0
        size += image
    return [rows.iloc[start:end] for start, end in zip(starts, [*starts[1:], len(rows)], strict=True) if end > start]
