"""The lake, on any fsspec URL: append-only batches of images in Parquet shards, and a place for dataset versions."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from model.errors import DatasetError

SUCCESS: Final = "_SUCCESS"
"""Marker written last into a batch or version; without it a folder is invisible."""

REFUSED: Final = "_REFUSED"
"""Marker in a batch that brought a dataset version down: it is kept, but no later version is made from it."""

BATCH_SCHEMA: Final = pa.schema(
    [
        pa.field("image", pa.binary(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("pixel_hash", pa.string()),
        pa.field("phash", pa.int64()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("jpeg_quality", pa.int16()),
        pa.field("has_icc", pa.bool_()),
        pa.field("has_exif", pa.bool_()),
        pa.field("quantization", pa.string()),
        pa.field("animated", pa.bool_()),
        pa.field("brightness", pa.float32()),
        pa.field("border", pa.float32()),
        pa.field("decode_error", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("generator", pa.string()),
        pa.field("split_hint", pa.string()),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("ingested_at", pa.timestamp("ms", tz="UTC"), nullable=False),
    ]
)
"""One row an image: its bytes, its fingerprint and what its source claimed."""

FACTS: Final = tuple(name for name in BATCH_SCHEMA.names if name != "image")

_CLAIMS: Final = ("sha256", "label", "source", "generator", "split_hint", "origin")
_SHARD_BYTES: Final = 128_000_000
_SHARD_ROWS: Final = 20_000
"""A shard is cut at whichever comes first; one shard is held in memory at a time, when writing and when reading."""


_NULLABLE: Final[dict[pa.DataType, Any]] = {
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table into a frame without turning integers that can be missing (a 64-bit hash!) into floats."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


class Lake:
    """Images and dataset versions under one URL (a folder, s3://…, gs://…, memory://…)."""

    def __init__(self, url: str) -> None:
        self.root = UPath(url)

    def version_path(self, version: str) -> UPath:
        """Return the folder of a dataset version, published or staged."""
        return self.root / "datasets" / version

    def quarantine_path(self, version: str) -> UPath:
        """Return the folder for what validation of `version` refused."""
        return self.root / "quarantine" / version

    def versions(self) -> list[str]:
        """List the published dataset versions, oldest first."""
        return _complete(self.root / "datasets")

    def latest(self) -> str | None:
        """Return the newest published dataset version, or None."""
        return max(self.versions(), key=self._published_at, default=None)

    def batches(self) -> list[str]:
        """List the ids of the batches that versions are made from: complete, and not set aside."""
        complete = _complete(self.root / "batches")
        return [batch for batch in complete if not (self._batch_path(batch) / REFUSED).exists()]

    def set_aside(self, batches: Iterable[str], *, reason: str) -> None:
        """Keep batches out of later versions because of `reason`, until they are collected once more."""
        for batch in batches:
            (self._batch_path(batch) / REFUSED).write_text(reason)

    def readmit(self, batches: Iterable[str]) -> None:
        """Let batches that were set aside count again."""
        for batch in batches:
            (self._batch_path(batch) / REFUSED).unlink(missing_ok=True)

    def facts(self) -> pd.DataFrame:
        """Every image of every batch without its bytes: the columns FACTS plus `batch` and `row`."""
        frames = [self._batch_facts(batch) for batch in self.batches()]
        if not frames:
            return to_frame(BATCH_SCHEMA.empty_table().select(FACTS)).assign(batch="", row=0)
        return pd.concat(frames, ignore_index=True)

    def scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield `columns` of every image of every batch, some thousand rows at a time."""
        for batch in self.batches():
            for part in self._parts(batch):
                with part.open("rb") as file:
                    yield from pq.ParquetFile(file).iter_batches(columns=list(columns))

    def write_batch(self, rows: Iterable[Mapping[str, Any]]) -> str | None:
        """Append `rows` (mappings with the columns of BATCH_SCHEMA) as one batch and return its id.

        The id is a hash of the content, so the same rows are the same batch. The batch is written aside and appears
        at once or not at all; one that was set aside counts again. Returns None when there are no rows.
        """
        staging = self.root / "batches" / f".staging-{uuid.uuid4().hex}"
        staging.mkdir(parents=True)
        try:
            batch = _write_shards(staging, rows)
            if batch is not None and not (self._batch_path(batch) / SUCCESS).exists():
                _remove(self._batch_path(batch))
                self.root.fs.mv(staging.path, self._batch_path(batch).path, recursive=True)
                (self._batch_path(batch) / SUCCESS).touch()
            elif batch is not None:
                self.readmit([batch])
        finally:
            _remove(staging)
        return batch

    def read_images(self, rows: pd.DataFrame) -> Iterator[bytes]:
        """Yield the bytes of the images that the columns `batch` and `row` name, in the order of `rows`.

        Cheap when `rows` are in the manifest's own order: each shard is read once, and one is held at a time.
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

    def _shards(self, batch: str) -> list[tuple[int, UPath]]:
        """List (first row, file) of each shard of a batch, in order."""
        if not (self._batch_path(batch) / SUCCESS).exists():
            raise DatasetError(f"batch '{batch}' is not in the lake {self.root}")
        files = self._parts(batch)
        sizes = []
        for shard in files:
            with shard.open("rb") as file:
                sizes.append(pq.read_metadata(file).num_rows)
        return list(zip(accumulate(sizes, initial=0), files, strict=False))

    def _parts(self, batch: str) -> list[UPath]:
        return sorted(self._batch_path(batch).glob("part-*.parquet"))

    def _batch_path(self, batch: str) -> UPath:
        return self.root / "batches" / batch

    def _batch_facts(self, batch: str) -> pd.DataFrame:
        tables = []
        for part in self._parts(batch):
            with part.open("rb") as file:
                tables.append(pq.read_table(file, columns=list(FACTS)))
        facts = to_frame(pa.concat_tables(tables))
        return facts.assign(batch=batch, row=range(len(facts)))

    def _published_at(self, version: str) -> tuple[str, float]:
        return version[:8], (self.version_path(version) / SUCCESS).stat().st_mtime


def _complete(folder: UPath) -> list[str]:
    return sorted(child.parent.name for child in folder.glob(f"*/{SUCCESS}")) if folder.exists() else []


def _write_shards(folder: UPath, rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Write rows as part-00000.parquet, part-00001.parquet, …; returns the hash of the content, None for no rows."""
    digest = hashlib.sha256()
    shards = 0
    for shard in _cut(rows):
        with (folder / f"part-{shards:05}.parquet").open("wb") as file:
            # Images do not compress, so their column is stored as it is.
            compression = {name: "none" if name == "image" else "zstd" for name in BATCH_SCHEMA.names}
            pq.write_table(pa.Table.from_pylist(shard, schema=BATCH_SCHEMA), file, compression=compression)
        for row in shard:
            digest.update("\x1f".join(str(row.get(name)) for name in _CLAIMS).encode())
        shards += 1
    return digest.hexdigest()[:16] if shards else None


def _cut(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut rows into shards of bounded size."""
    shard: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        shard.append(dict(row))
        size += row["bytes"]
        if size >= _SHARD_BYTES or len(shard) >= _SHARD_ROWS:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard


def _remove(folder: UPath) -> None:
    if folder.exists():
        folder.fs.rm(folder.path, recursive=True)
