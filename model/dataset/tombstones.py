"""Records images that must never be trained on again, with the reason; every later version leaves them out."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.dataset.kept_out import EVERYWHERE, LOOKED_AT, REPORTED, KeptOut
from model.dataset.lake import Lake, to_frame
from model.errors import DatasetError
from model.files import write_table
from model.processes import locked

_WHEN: Final = pa.timestamp("ms", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("pixel_hash", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("withdrawn_at", _WHEN, nullable=False),
        pa.field("scope", pa.string()),
        pa.field("erase", pa.bool_()),
        pa.field("erased_at", _WHEN),
    ]
)
"""One row a withdrawn image.

- `pixel_hash`: equal for all images with the same pixels; null if it is unknown, as for an image the lake never held.
- `scope`: EVERYWHERE or REPORTED.
- `erase`: whether the bytes must be erased.
- `erased_at`: when the bytes were erased.

Tombstones of earlier releases lack the last three columns. They count everywhere, and ask for no erasure."""

_FILE: Final = "tombstones.parquet"
_SHA256: Final = re.compile("[0-9a-f]{64}")
_UNKNOWN: Final[Mapping[str, str | None]] = MappingProxyType({})


@dataclass(frozen=True)
class Withdrawal:
    """Numbers of images `added` to the tombstones and `known` before, and hashes of images `unseen` by the lake."""

    added: int
    known: int
    unseen: tuple[str, ...]


def withdraw(
    lake: Lake,
    images: Iterable[str],
    *,
    lock: Path,
    reason: str,
    now: datetime,
    scope: str = EVERYWHERE,
    erase: bool = False,
) -> Withdrawal:
    """Withdraw the images with these SHA-256 sums: neither they nor their pixel twins are in any later version.

    With the `scope` REPORTED, only copies that came by reports are withdrawn.

    Published versions stay as they are. The bytes stay in the lake unless `erase` is true: then `model.privacy.erasing`
    erases the bytes. An image that the lake does not hold is recorded too, and kept out if it comes later. Withdrawing
    an image again never narrows its withdrawal.

    `lock` is the lock file of all withdrawals (`Settings.reports_lock`). Raises DatasetError if there is no image, for
    a malformed sum, and for a blank reason. Raises LockHeld if another process holds the lock for too long.
    """
    hashes = sorted(set(images))
    if not hashes:
        raise DatasetError("nothing is withdrawn: name at least one image by the SHA-256 sum of its file")
    if wrong := [text for text in hashes if not _SHA256.fullmatch(text)]:
        raise DatasetError(f"no SHA-256 sum of 64 lower-case hexadecimal digits: {', '.join(map(repr, wrong))}")
    if not reason.strip():
        raise DatasetError("say why the images are withdrawn: the reason is kept with them")
    pixels = find_pixel_hashes(lake, hashes)  # before the lock, because it reads the whole lake
    with locked(lock):
        added = record(lake, hashes, reason=reason.strip(), now=now, scope=scope, erase=erase, pixels=pixels)
    unseen = tuple(sha256 for sha256 in hashes if sha256 not in pixels)
    return Withdrawal(added, len(hashes) - added, unseen)


def record(
    lake: Lake,
    images: Iterable[str],
    *,
    reason: str,
    now: datetime,
    scope: str = EVERYWHERE,
    erase: bool = False,
    pixels: Mapping[str, str | None] = _UNKNOWN,
) -> int:
    """Add tombstones, or widen existing ones, and return how many changed; the caller holds the lock of `withdraw`.

    A tombstone can be widened from REPORTED to EVERYWHERE, and by `erase`; it is never narrowed. Reads no image.
    """
    rows = {row["sha256"]: row for row in _read(lake).to_pylist()}
    changed = 0
    for sha256 in images:
        new: dict[str, Any] = {"sha256": sha256, "pixel_hash": pixels.get(sha256), "scope": scope, "erase": erase}
        new |= {"reason": reason, "withdrawn_at": now, "erased_at": None}
        before = rows.get(sha256)
        if before is not None:
            if not _widens(before, scope=scope, erase=erase):
                continue
            new["pixel_hash"] = new["pixel_hash"] or before["pixel_hash"]
            new["scope"] = REPORTED if before["scope"] == scope == REPORTED else EVERYWHERE
            new["erase"] = erase or bool(before["erase"])
        rows[sha256] = new
        changed += 1
    if changed:
        _write(lake, rows.values())
    return changed


def note_pixel_hashes(lake: Lake, pixels: Mapping[str, str | None]) -> None:
    """Write pixel hashes into the tombstones that lack theirs; the caller holds the lock of `withdraw`."""
    rows = _read(lake).to_pylist()
    lacking = [row for row in rows if row["pixel_hash"] is None and pixels.get(row["sha256"])]
    for row in lacking:
        row["pixel_hash"] = pixels[row["sha256"]]
    if lacking:
        _write(lake, rows)


def note_erased(lake: Lake, images: Collection[str], *, now: datetime) -> None:
    """Record that the bytes of these images are gone; the caller holds the lock of `withdraw`."""
    rows = _read(lake).to_pylist()
    done = [row for row in rows if row["sha256"] in images and row["erased_at"] is None]
    for row in done:
        row["erased_at"] = now
    if done:
        _write(lake, rows)


def read_tombstones(lake: Lake) -> pd.DataFrame:
    """Read all tombstones, in the order in which they were set; an empty frame if nothing was ever withdrawn."""
    stones = to_frame(_read(lake))
    return stones.assign(
        scope=stones["scope"].fillna(EVERYWHERE), erase=stones["erase"].fillna(value=False).astype(bool)
    )


def read_kept_out(lake: Lake) -> KeptOut:
    """Return what the tombstones keep out, neutralised copies included; scans the lake if there are tombstones."""
    return KeptOut.of(read_tombstones(lake)).with_neutralised(lambda: scan_images(lake))


def scan_images(lake: Lake) -> Iterator[pd.DataFrame]:
    """Yield the columns LOOKED_AT of every image of every batch, some thousand at a time."""
    return (to_frame(pa.Table.from_batches([rows])) for rows in lake.scan(LOOKED_AT))


def find_pixel_hashes(lake: Lake, images: Collection[str]) -> dict[str, str | None]:
    """Return the pixel hash of those `images` that the lake holds; None for an image that cannot be decoded."""
    wanted = pa.array(images, pa.string())
    found: dict[str, str | None] = {}
    for rows in lake.scan(["sha256", "pixel_hash"]):
        held = rows.filter(pc.is_in(rows["sha256"], wanted))
        found |= dict(zip(held["sha256"].to_pylist(), held["pixel_hash"].to_pylist(), strict=True))
    return found


def _widens(before: Mapping[str, Any], *, scope: str, erase: bool) -> bool:
    return (before["scope"] == REPORTED and scope == EVERYWHERE) or (erase and not before["erase"])


def _read(lake: Lake) -> pa.Table:
    """Read the file with the columns of SCHEMA; columns that an earlier release did not write are null."""
    path = lake.root / _FILE
    if not path.exists():
        return SCHEMA.empty_table()
    with path.open("rb") as file:
        table = pq.read_table(file)
    for field in SCHEMA:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(SCHEMA.names)


def _write(lake: Lake, rows: Iterable[Mapping[str, Any]]) -> None:
    write_table(lake.root / _FILE, pa.Table.from_pylist(list(rows), schema=SCHEMA))
