"""Stores append-only batches of images (Parquet shards) and dataset versions under any fsspec URL: the lake."""

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from model.dataset.shards import BATCH_SCHEMA, FACTS, read_columns, write_shards
from model.errors import DatasetError
from model.files import move, remove, write_text

SUCCESS: Final = "_SUCCESS"
"""Marker written last into a batch or version; a folder without the marker is ignored."""

REFUSED: Final = "_REFUSED"
"""Marker in a batch because of which a dataset version was refused; no later version is made from the batch."""

_VERSION: Final = re.compile(r"\d{8}-[0-9a-f]{12}")
"""The form of the ids that `model.dataset.manifest.version_id` returns."""

STAGING: Final = ".staging-"
_ABANDONED_SECONDS: Final = 2 * 86_400
"""Age after which a staging folder counts as abandoned: no collection runs for so long."""

_NULLABLE: Final[dict[pa.DataType, Any]] = {
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table into a frame; nullable integers, such as a 64-bit hash, do not become floats."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


class Lake:
    """Images and dataset versions under one URL (a folder, s3://…, gs://…, memory://…)."""

    def __init__(self, url: str) -> None:
        self.root = UPath(url)

    def version_path(self, version: str) -> UPath:
        """Return the folder of a dataset version, published or staged; raises DatasetError if `version` is no id."""
        return self.root / "datasets" / _checked(version)

    def quarantine_path(self, version: str) -> UPath:
        """Return the folder for what validation of `version` refused; raises DatasetError if `version` is no id."""
        return self.root / "quarantine" / _checked(version)

    def versions(self) -> list[str]:
        """List the published dataset versions, oldest first."""
        return [name for name in _complete(self.root / "datasets") if _VERSION.fullmatch(name)]

    def latest(self) -> str | None:
        """Return the newest published dataset version, or None."""
        versions = self.versions()
        of_the_last_day = [version for version in versions if version[:8] == versions[-1][:8]]
        return max(of_the_last_day, key=self.published_at, default=None)

    def published_at(self, version: str) -> datetime:
        """Return the time at which a dataset version was published."""
        return self.modified_at(self.version_path(version) / SUCCESS)

    def modified_at(self, path: UPath) -> datetime:
        """Return the time at which a file of the lake was written."""
        modified: datetime = self.root.fs.modified(path.path)
        return modified

    def batches(self) -> list[str]:
        """List the ids of the batches that versions are made from: complete, and not set aside."""
        complete = _complete(self.root / "batches")
        return [batch for batch in complete if not (self._batch_path(batch) / REFUSED).exists()]

    def set_aside(self, batches: Iterable[str], *, reason: str) -> None:
        """Keep batches out of later versions because of `reason`, until they are collected once more."""
        for batch in batches:
            write_text(self._batch_path(batch) / REFUSED, reason)

    def readmit(self, batches: Iterable[str]) -> None:
        """Let batches that were set aside count again."""
        for batch in batches:
            remove(self._batch_path(batch) / REFUSED)

    def facts(self) -> pd.DataFrame:
        """Return every image of every batch without its bytes: the columns FACTS plus `batch` and `row`."""
        frames = [self._batch_facts(batch) for batch in self.batches()]
        if not frames:
            return to_frame(BATCH_SCHEMA.empty_table().select(FACTS)).assign(batch="", row=0)
        return pd.concat(frames, ignore_index=True)

    def scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield `columns` of every image of every batch, some thousand rows at a time."""
        for batch in self.batches():
            for shard in _shards_in(self._batch_path(batch)):
                with shard.open("rb") as file:
                    yield from pq.ParquetFile(file).iter_batches(columns=list(columns))

    def write_batch(self, rows: Iterable[Mapping[str, Any]]) -> str | None:
        """Append `rows` (mappings with the columns of BATCH_SCHEMA) as one batch and return its id.

        The id is a hash of the content: the same rows give the same batch, even if two processes write them at once. A
        batch appears whole or not at all. A batch that was set aside counts again. Returns None when there are no rows.
        """
        self._remove_abandoned()
        staging = self.root / "batches" / f"{STAGING}{time.time():.0f}-{uuid.uuid4().hex}"
        try:
            batch = write_shards(staging, rows)
            if batch is not None and not (self._batch_path(batch) / SUCCESS).exists():
                for shard in _shards_in(staging):
                    move(shard, self._batch_path(batch) / shard.name)
                write_text(self._batch_path(batch) / SUCCESS, "")
            elif batch is not None:
                self.readmit([batch])
        finally:
            remove(staging)
        return batch

    def read_images(self, rows: pd.DataFrame) -> Iterator[bytes]:
        """Yield the bytes of the images that the columns `batch` and `row` name, in the order of `rows`.

        Cheap if `rows` are in the manifest's own order: each shard is read once. One shard is in memory at a time.
        """
        shards: dict[str, list[tuple[int, UPath]]] = {}
        held: UPath | None = None
        first, images = 0, pa.chunked_array([], pa.binary())
        for batch, row in zip(rows["batch"], rows["row"], strict=True):
            known = shards.get(batch) or shards.setdefault(batch, self._shards(batch))
            start, shard = next(found for found in reversed(known) if found[0] <= row)
            if shard != held:
                with shard.open("rb") as file:
                    first, images, held = start, pq.read_table(file, columns=["image"])["image"], shard
            yield images[row - first].as_py()

    def shards_of(self, batch: str) -> list[UPath]:
        """List the files of a batch that hold its images, in order."""
        return _shards_in(self._batch_path(batch))

    def _shards(self, batch: str) -> list[tuple[int, UPath]]:
        """List (first row, file) of each shard of a batch, in order."""
        if not (self._batch_path(batch) / SUCCESS).exists():
            raise DatasetError(f"batch '{batch}' is not in the lake {self.root}")
        files = _shards_in(self._batch_path(batch))
        sizes = []
        for shard in files:
            with shard.open("rb") as file:
                sizes.append(pq.read_metadata(file).num_rows)
        return list(zip(accumulate(sizes, initial=0), files, strict=False))

    def _batch_path(self, batch: str) -> UPath:
        return self.root / "batches" / batch

    def _batch_facts(self, batch: str) -> pd.DataFrame:
        tables = []
        for shard in _shards_in(self._batch_path(batch)):
            with shard.open("rb") as file:
                tables.append(read_columns(file, FACTS))
        facts = to_frame(pa.concat_tables(tables))
        return facts.assign(batch=batch, row=range(len(facts)))

    def _remove_abandoned(self) -> None:
        """Remove staging folders of processes that died; keep recent ones, which may still be written."""
        for staging in (self.root / "batches").glob(f"{STAGING}*"):
            started = staging.name.removeprefix(STAGING).partition("-")[0]
            if not started.isdigit() or int(started) < time.time() - _ABANDONED_SECONDS:
                remove(staging)


def _checked(version: str) -> str:
    """Return `version` if it is an id; raises DatasetError for other texts, such as '../x', which leads elsewhere."""
    if not _VERSION.fullmatch(version):
        raise DatasetError(
            f"dataset version '{version[:200]}' is not published, and cannot be: the id of a version is the day it was "
            "made and twelve hexadecimal digits, such as 20261102-0123456789ab"
        )
    return version


def _shards_in(folder: UPath) -> list[UPath]:
    return sorted(folder.glob("part-*.parquet"))


def _complete(folder: UPath) -> list[str]:
    return sorted(child.parent.name for child in folder.glob(f"*/{SUCCESS}")) if folder.exists() else []
