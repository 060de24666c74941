"""Names, writes and reads dataset versions: the rows of their manifests."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.dataset.lake import SUCCESS, Lake, to_frame
from model.dataset.shards import BATCH_SCHEMA, read_columns
from model.errors import DatasetError
from model.files import write_table

SPLITS: Final = ("train", "val", "test")

_OF_THE_FILE: Final = (
    "width", "height", "format", "mode", "bytes", "jpeg_quality", "has_icc", "has_exif", "quantization", "animated",
    "brightness", "border",
)  # fmt: skip
_OF_THE_ENTRY: Final = ("origin", "ingested_at", "decode_error", "licence", "collection", "revision")

SCHEMA: Final = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("pixel_hash", pa.string()),
        pa.field("phash", pa.int64()),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("generator", pa.string()),
        pa.field("split", pa.string(), nullable=False),
        *(BATCH_SCHEMA.field(name) for name in (*_OF_THE_FILE, *_OF_THE_ENTRY)),
    ]
)
"""The columns of a manifest: one row an image, without its bytes. `batch` and `row` say where the bytes are. `licence`
is null if none was stated, `collection` if the source has none, `revision` if the store of the source names none."""

_LINES_AT_ONCE: Final = 100_000

_IDENTITY: Final = ("sha256", "label", "split", "source", "generator")

GIVEN: Final = ("sha256", "pixel_hash", "phash", "label", "source", "generator", "split", "bytes")
"""The columns that are kept of an image as long as the lake exists: what it was, and the split it was given."""


def version_id(rows: pd.DataFrame, *, today: date) -> str:
    """Return the id of a version: the date, then a hash of its images, their labels, splits, sources and generators."""
    parts = (pc.fill_null(pa.array(rows[name], pa.string()), "") for name in _IDENTITY)
    lines = pc.binary_join_element_wise(*parts, "\x1f")
    digest = hashlib.sha256()
    ordered = lines.take(pc.sort_indices(lines))
    for start in range(0, len(ordered), _LINES_AT_ONCE):
        some = "\n".join(ordered.slice(start, _LINES_AT_ONCE).to_pylist())
        digest.update(b"\n" * (start > 0) + some.encode())
    return f"{today:%Y%m%d}-{digest.hexdigest()[:12]}"


def write_rows(lake: Lake, version: str, rows: pd.DataFrame, *, name: str) -> None:
    """Write manifest rows as `<name>.parquet` into the folder of `version`, replacing it whole."""
    _write(lake, version, rows, name=name, schema=SCHEMA)


def write_former(lake: Lake, version: str, former: pd.DataFrame) -> None:
    """Write the images of earlier versions that `version` does not hold (columns GIVEN) as `former.parquet`."""
    _write(lake, version, former, name="former", schema=pa.schema([SCHEMA.field(name) for name in GIVEN]))


def read_manifest(lake: Lake, version: str, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the rows of a published dataset version, all `columns` or some.

    Raises DatasetError if the version is not published; the error names the newest published versions.
    """
    if not (lake.version_path(version) / SUCCESS).exists():
        known = ", ".join(lake.versions()[-5:]) or "none yet"
        raise DatasetError(f"dataset version '{version}' is not published in {lake.root}; newest are: {known}")
    return _read(lake, version, "manifest", columns=columns)


def read_accepted(lake: Lake, version: str, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the rows of a version that passed validation, published or not, all `columns` or some."""
    return _read(lake, version, "manifest", columns=columns)


def count_rows(lake: Lake, version: str, *, by: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Count the rows of a published dataset version by columns of strings, some thousand rows at a time."""
    counts: Counter[tuple[str, ...]] = Counter()
    with (lake.version_path(version) / "manifest.parquet").open("rb") as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=list(by)):
            grouped = pa.Table.from_batches([batch]).group_by(list(by)).aggregate([([], "count_all")])
            for *values, count in zip(*(grouped[name].to_pylist() for name in (*by, "count_all")), strict=True):
                counts[tuple(values)] += count
    return counts


def read_candidates(lake: Lake, version: str, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read every row that was proposed for a version, before validation, all `columns` or some.

    Raises DatasetError when the version was never assembled.
    """
    if not (lake.version_path(version) / "candidates.parquet").exists():
        raise DatasetError(f"dataset version '{version}' has not been assembled in {lake.root}")
    return _read(lake, version, "candidates", columns=columns)


def read_given(lake: Lake, version: str) -> pd.DataFrame:
    """Read every image that was given a split by `version` or an earlier version.

    Returns the columns GIVEN and `former`, which is true if `version` does not hold the image. Images that validation
    refused are included: they keep their split, should they be accepted one day.
    """
    held = _read(lake, version, "candidates", columns=GIVEN).assign(former=False)
    if not (lake.version_path(version) / "former.parquet").exists():
        return held
    former = _read(lake, version, "former", columns=GIVEN).assign(former=True)
    return pd.concat([held, former], ignore_index=True)


def split_rows(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the rows of one split, in the manifest's order."""
    return manifest[manifest["split"] == split].reset_index(drop=True)


def _write(lake: Lake, version: str, rows: pd.DataFrame, *, name: str, schema: pa.Schema) -> None:
    table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    write_table(lake.version_path(version) / f"{name}.parquet", table)


def _read(lake: Lake, version: str, name: str, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    with (lake.version_path(version) / f"{name}.parquet").open("rb") as file:
        table = read_columns(file, columns)
    if columns is None:  # a column of batches that no manifest has
        table = table.select([column for column in table.column_names if column in SCHEMA.names])
    return to_frame(table)
