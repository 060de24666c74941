"""Images that must never be trained on again: recorded in the lake with the reason, obeyed by every later version."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.dataset.lake import Lake, to_frame
from model.errors import DatasetError
from model.files import write_table
from model.processes import locked

SCHEMA: Final = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("pixel_hash", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("withdrawn_at", pa.timestamp("ms", tz="UTC"), nullable=False),
    ]
)
"""One row a withdrawn image; `pixel_hash` is what its twins have, unknown for one that the lake has never held."""

_FILE: Final = "tombstones.parquet"
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Withdrawal:
    """How many images were `added` to the tombstones, how many were there before, and those the lake does not hold."""

    added: int
    known: int
    unseen: tuple[str, ...]


def withdraw(lake: Lake, images: Iterable[str], *, lock: Path, reason: str, now: datetime) -> Withdrawal:
    """Withdraw the images with these SHA-256 sums: neither they nor their pixel twins are in any later version.

    Published versions stay as they are, and the bytes stay in the lake. An image that the lake does not hold is
    recorded too, and kept out should it come. Withdrawing again changes nothing. `lock` is the file that all who
    withdraw hold in turn (`Settings.reports_lock`). Raises DatasetError without an image, for sums that are none and
    for a blank reason, LockHeld when another holds the lock for too long.
    """
    hashes = sorted(set(images))
    if not hashes:
        raise DatasetError("nothing is withdrawn: name at least one image by the SHA-256 sum of its file")
    if wrong := [text for text in hashes if not _SHA256.fullmatch(text)]:
        raise DatasetError(f"no SHA-256 sum of 64 lower-case hexadecimal digits: {', '.join(map(repr, wrong))}")
    if not reason.strip():
        raise DatasetError("say why the images are withdrawn: the reason is kept with them")
    pixels = _pixel_hashes(lake, hashes)  # before the lock, for it reads the whole lake
    rows = {"sha256": hashes, "pixel_hash": [pixels.get(sha256) for sha256 in hashes]}
    with locked(lock):
        added = _append(lake, pd.DataFrame(rows).assign(reason=reason.strip(), withdrawn_at=now))
    unseen = tuple(sha256 for sha256 in hashes if sha256 not in pixels)
    return Withdrawal(added, len(hashes) - added, unseen)


def read_tombstones(lake: Lake) -> pd.DataFrame:
    """Read all tombstones, in the order in which they were set; none when nothing was ever withdrawn."""
    path = lake.root / _FILE
    if not path.exists():
        return to_frame(SCHEMA.empty_table())
    with path.open("rb") as file:
        return to_frame(pq.read_table(file))


def hashes_of(tombstones: pd.DataFrame) -> set[str]:
    """Return what must not come back: the hashes of the bytes, and those of the pixels where they are known."""
    return {*tombstones["sha256"], *tombstones["pixel_hash"].dropna()}


def _pixel_hashes(lake: Lake, images: Collection[str]) -> dict[str, str | None]:
    """Return the pixel hash of those `images` that the lake holds; None for one that cannot be decoded."""
    wanted = pa.array(images, pa.string())
    found: dict[str, str | None] = {}
    for rows in lake.scan(["sha256", "pixel_hash"]):
        held = rows.filter(pc.is_in(rows["sha256"], wanted))
        found |= dict(zip(held["sha256"].to_pylist(), held["pixel_hash"].to_pylist(), strict=True))
    return found


def _append(lake: Lake, rows: pd.DataFrame) -> int:
    """Add those rows whose images have no tombstone yet; return how many that were."""
    tombstones = read_tombstones(lake)
    new = rows[~rows["sha256"].isin(tombstones["sha256"])]
    if not new.empty:
        table = pa.Table.from_pandas(pd.concat([tombstones, new]), schema=SCHEMA, preserve_index=False)
        write_table(lake.root / _FILE, table)
    return len(new)
