"""Writes a Parquet file that Hugging Face `datasets` reads as images with a ClassLabel."""

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from model.dataset.export.shards import EXPORTED, Shard
from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA
from model.labels import CLASSES
from model.sources.exported import MARK

_AT_ONCE_BYTES: Final = 32_000_000
_AT_ONCE_IMAGES: Final = 1_000
"""Most bytes and images of a row group, which is in memory while it is written."""

_LABEL: Final = pa.field("label", pa.int64())


def columns() -> pa.Schema:
    """Return the columns of the file: the image first, and the label as a number of CLASSES.

    All are nullable: `datasets` passes over what it is told of a column that is not.
    """
    image = pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    others = (SCHEMA.field(name).with_nullable(nullable=True) for name in EXPORTED if name != "label")
    return pa.schema([image, _LABEL, *others])


def write_parquet(file: IO[bytes], shard: Shard, lake: Lake, *, version: str) -> None:
    """Write the images of a shard; `version` is noted, so that the file is known as an export."""
    schema = columns().with_metadata({"huggingface": json.dumps(_features()), MARK: version})
    with pq.ParquetWriter(
        file, schema, compression={name: "none" if name.startswith("image") else "zstd" for name in _leaves(schema)}
    ) as writer:
        for group in _groups(_row(*image) for image in shard.images(lake)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _row(facts: dict[str, Any], name: str, data: bytes) -> dict[str, Any]:
    return facts | {"image": {"bytes": data, "path": name}, "label": CLASSES.index(facts["label"])}


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row["image"]["bytes"])
        if size >= _AT_ONCE_BYTES or len(group) >= _AT_ONCE_IMAGES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _leaves(schema: pa.Schema) -> list[str]:
    return [
        f"{field.name}.{field.type.field(number).name}"
        for field in schema
        if pa.types.is_struct(field.type)
        for number in range(field.type.num_fields)
    ] + [field.name for field in schema if not pa.types.is_struct(field.type)]


def _features() -> Mapping[str, Any]:
    """Return what `datasets` keeps of the columns in a file."""
    features: dict[str, Any] = {
        field.name: {"dtype": _DTYPES.get(field.type, str(field.type)), "_type": "Value"} for field in columns()
    }
    features["image"] = {"_type": "Image"}
    features["label"] = {"names": list(CLASSES), "_type": "ClassLabel"}
    return {"info": {"features": features}}


_DTYPES: Final = {pa.timestamp("ms", tz="UTC"): "timestamp[ms, tz=UTC]"}
