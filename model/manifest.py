"""A dataset version: its columns, how its rows follow from the images in the lake, how it is written and read."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import DatasetError
from model.lake import BATCH_SCHEMA, SUCCESS, Lake, to_frame

SPLITS: Final = ("train", "val", "test")

_OF_THE_FILE: Final = (
    "width", "height", "format", "mode", "bytes", "jpeg_quality", "has_icc", "has_exif", "quantization", "animated",
    "brightness", "border",
)  # fmt: skip
_OF_THE_ENTRY: Final = ("origin", "ingested_at", "decode_error")

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
"""The columns of a manifest: one row an image, no bytes; `batch` and `row` say where the bytes are."""

_VAL_SHARE: Final = 0.1
_TEST_SHARE: Final = 0.1


@dataclass(frozen=True)
class Assembly:
    """What assembling made of the lake's images: the rows, and how many were left out by which rule."""

    rows: pd.DataFrame
    duplicates: int
    conflicts: int


def assemble_rows(facts: pd.DataFrame, previous: pd.DataFrame | None = None) -> Assembly:
    """Decide which images of the lake (`Lake.facts`) belong to a dataset version, and in which split.

    - Images with the same pixels are one image: the one that entered first stays, the others are duplicates.
    - An image keeps the label under which it first entered. Two labels that enter together are a conflict, and the
      image is left out, for neither can be trusted.
    - A split once given in `previous` never changes. Else a source's own `test` wins over `val` over `train`. Else,
      and for the part of a source's train that must become val when it has none, the hash of the pixels decides:
      80 % train, 10 % val, 10 % test. The same image therefore falls into the same split in every lake.

    Pure: the same facts give the same rows in the same order.
    """
    facts = facts.assign(cluster=facts["pixel_hash"].fillna(facts["sha256"]))
    facts = facts.sort_values(["ingested_at", "batch", "row"], kind="stable", ignore_index=True)
    first = facts.drop_duplicates("cluster")
    earliest = facts["ingested_at"] == facts["cluster"].map(first.set_index("cluster")["ingested_at"])
    labels = facts[earliest].groupby("cluster")["label"].nunique()
    conflicting = set(labels.index[labels > 1])
    rows = first[~first["cluster"].isin(conflicting)].copy()
    rows["split"] = _splits(rows, facts, previous)
    rows = rows[SCHEMA.names].reset_index(drop=True)
    in_conflict = int(facts["cluster"].isin(conflicting).sum())
    return Assembly(rows, duplicates=len(facts) - in_conflict - len(rows), conflicts=in_conflict)


def _splits(rows: pd.DataFrame, facts: pd.DataFrame, previous: pd.DataFrame | None) -> pd.Series:
    """Give each row its split; `facts` holds every claim about its cluster."""
    by_hash = rows["cluster"].map(_split_by_hash)
    has_val = set(facts.loc[facts["split_hint"] == "val", "source"])
    hinted = _strongest_hint(facts).reindex(rows["cluster"]).set_axis(rows.index).astype("str")
    carved = (hinted == "train") & ~rows["source"].isin(has_val) & (by_hash == "val")
    split = hinted.mask(carved, "val").fillna(by_hash)
    if previous is not None:
        given = previous.drop_duplicates("cluster").set_index("cluster")["split"]
        split = rows["cluster"].map(given).fillna(split)
    return split


def _strongest_hint(facts: pd.DataFrame) -> pd.Series:
    """Return the strongest split its sources claim for each cluster that has one: test, then val, then train."""
    order = {split: rank for rank, split in enumerate(SPLITS)}
    ranks = facts["split_hint"].map(order).groupby(facts["cluster"]).max().dropna()
    return ranks.map(lambda rank: SPLITS[int(rank)])


def _split_by_hash(cluster: str) -> str:
    share = int(hashlib.sha256(f"split:{cluster}".encode()).hexdigest()[:8], 16) / 2**32
    if share < _TEST_SHARE:
        return "test"
    return "val" if share < _TEST_SHARE + _VAL_SHARE else "train"


def version_id(rows: pd.DataFrame, *, today: date) -> str:
    """Name a dataset version: the date, then a hash of which images it holds under which label and split."""
    identity = rows[["sha256", "label", "split", "source", "generator"]].astype("string").fillna("")
    lines = sorted(identity.agg("\x1f".join, axis=1))
    return f"{today:%Y%m%d}-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"


def write_rows(lake: Lake, version: str, rows: pd.DataFrame, *, name: str) -> None:
    """Write manifest rows as `<name>.parquet` into the folder of `version`, replacing it whole."""
    folder = lake.version_path(version)
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{name}.parquet"
    with aside.open("wb") as file:
        pq.write_table(pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False), file, compression="zstd")
    folder.fs.mv(aside.path, (folder / f"{name}.parquet").path)


def read_manifest(lake: Lake, version: str) -> pd.DataFrame:
    """Read the rows of a published dataset version; raises DatasetError naming the ones that exist."""
    if not (lake.version_path(version) / SUCCESS).exists():
        known = ", ".join(lake.versions()[-5:]) or "none yet"
        raise DatasetError(f"dataset version '{version}' is not published in {lake.root}; newest are: {known}")
    return _read(lake, version, "manifest")


def read_candidates(lake: Lake, version: str) -> pd.DataFrame:
    """Read every row that was proposed for a version, before validation; raises DatasetError when there is none."""
    if not (lake.version_path(version) / "candidates.parquet").exists():
        raise DatasetError(f"dataset version '{version}' has not been assembled in {lake.root}")
    return _read(lake, version, "candidates")


def split_rows(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the rows of one split, in the manifest's order."""
    return manifest[manifest["split"] == split].reset_index(drop=True)


def _read(lake: Lake, version: str, name: str) -> pd.DataFrame:
    with (lake.version_path(version) / f"{name}.parquet").open("rb") as file:
        return to_frame(pq.read_table(file))
