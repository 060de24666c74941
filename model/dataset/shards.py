"""Writes rows of a batch as Parquet shards of bounded size, reads their columns, and erases images from them."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from model.files import naming_full_disk, write_whole

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
        pa.field("licence", pa.string()),
        pa.field("collection", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("sketch", pa.string()),
    ]
)
"""One row an image: its bytes, its fingerprint and what its source claimed. `sha256` and `bytes` describe the file as
it came. `image` is empty if the file cannot be decoded. `sketch` is one of `model.images.sketch`, as
hexadecimal digits."""

_LATER: Final = ("licence", "collection", "revision", "sketch")
"""Columns that files written by earlier releases lack; the last columns of BATCH_SCHEMA."""

FACTS: Final = tuple(name for name in BATCH_SCHEMA.names if name != "image")

ERASED: Final = "erased"
"""The `decode_error` of an image whose bytes were erased. Its row stays, so that later rows keep their numbers. The row
keeps the hashes that keep the image out, and where the image came from."""

_GONE: Final = (
    "phash", "width", "height", "format", "mode", "jpeg_quality", "has_icc", "has_exif", "quantization", "animated",
    "brightness", "border", "sketch",
)  # fmt: skip
"""Columns measured from an image, which are erased with its bytes."""

# Without the revision: a file that is copied elsewhere stays the same content.
_CLAIMS: Final = ("sha256", "label", "source", "generator", "split_hint", "origin", "licence", "collection")
_SHARD_BYTES: Final = 128_000_000
_SHARD_ROWS: Final = 20_000
"""A shard ends at _SHARD_BYTES or _SHARD_ROWS, whichever comes first. One shard is in memory at a time, when writing
and when reading."""

# Images do not compress, so their column is stored as it is.
_COMPRESSION: Final = {name: "none" if name == "image" else "zstd" for name in BATCH_SCHEMA.names}
_ROWS_AT_ONCE: Final = 16
"""Rows after which Parquet checks if a page is full. A thousand large images, its default, would be a gigabyte."""

_DESCRIBED: Final = list(FACTS)
"""The columns with a dictionary and statistics. `image` has neither: no two images are equal, and images have no useful
order."""


def read_columns(file: IO[bytes], names: Sequence[str] | None = None) -> pa.Table:
    """Read a file of a batch or a manifest, all of its columns or only `names`.

    A column that did not exist when the file was written is null in all rows.
    """
    parquet = pq.ParquetFile(file, pre_buffer=True)
    missing = [name for name in _LATER if name not in parquet.schema_arrow.names]
    table = parquet.read(columns=names and [name for name in names if name not in missing])
    for field in map(BATCH_SCHEMA.field, missing):
        table = table.append_column(field, pa.nulls(len(table), field.type))
    if names is None and missing:
        names = [*(name for name in table.column_names if name not in _LATER), *_LATER]
    return table.select(list(names)) if names else table


def write_shards(folder: UPath, rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Write rows (mappings with the columns of BATCH_SCHEMA) as part-00000.parquet and so on.

    Returns the hash of the content, None when there are no rows. Raises StorageFull when there is no room.
    """
    digest = hashlib.sha256()
    shards = 0
    for shards, shard in enumerate(_cut(rows), start=1):
        _write_shard(folder / f"part-{shards - 1:05}.parquet", shard)
        for row in shard:
            # As JSON, so that no value can be mistaken for several values or for another row.
            digest.update(json.dumps([row.get(name) for name in _CLAIMS]).encode())
    return digest.hexdigest()[:16] if shards else None


def erase_rows(path: UPath, rows: Collection[int]) -> None:
    """Rewrite a shard without the bytes of these rows and the columns measured from them; atomic.

    Raises StorageFull when there is no room.
    """
    with path.open("rb") as file:
        table = read_columns(file)
    gone = pa.array([row in rows for row in range(len(table))])
    put = {"image": pa.scalar(b""), "decode_error": pa.scalar(ERASED)}
    put |= {name: pa.scalar(None, BATCH_SCHEMA.field(name).type) for name in _GONE}
    for name, value in put.items():
        place, field = table.schema.get_field_index(name), BATCH_SCHEMA.field(name)
        table = table.set_column(place, field, pc.if_else(gone, value, table[name]))
    with write_whole(path) as file:
        _write_table(file, table.select(BATCH_SCHEMA.names))


def _write_shard(path: UPath, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=BATCH_SCHEMA)
    with naming_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            _write_table(file, table)


def _write_table(file: IO[bytes], table: pa.Table) -> None:
    pq.write_table(
        table,
        file,
        compression=_COMPRESSION,
        use_dictionary=_DESCRIBED,
        write_statistics=_DESCRIBED,
        write_batch_size=_ROWS_AT_ONCE,
    )


def _cut(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut rows into shards of bounded size."""
    shard: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        shard.append(dict(row))
        size += len(row["image"]) + sum(len(value) for value in row.values() if isinstance(value, str))
        if size >= _SHARD_BYTES or len(shard) >= _SHARD_ROWS:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard
