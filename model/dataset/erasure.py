"""Erases images from the lake's batches and versions; the next call completes an interrupted erasure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from model.dataset.card.version_card import renew_cards
from model.dataset.kept_out import LOOKED_AT, KeptOut
from model.dataset.lake import STAGING, Lake, to_frame
from model.dataset.manifest import GIVEN, write_former
from model.dataset.shards import ERASED, erase_rows
from model.dataset.tombstones import find_pixel_hashes, note_pixel_hashes, read_tombstones
from model.files import remove, write_table
from model.processes import locked

_LOOKED_AT: Final = ["sha256", "pixel_hash", "source"]
ABANDONED: Final = timedelta(hours=1)
"""Age after which a half-written file that nobody changes counts as abandoned."""


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What an erasure found in the lake, and what it changed.

    - `images`: hashes of all images that the tombstones name and the lake holds, or held.
    - `withdrawn`: hashes of those `images` that an operator withdrew.
    - `rows`: number of images whose bytes this erasure removed.
    - `shards`, `tables`: names of the files that were rewritten.
    - `versions`: the dataset versions that ever held any of the images.
    - `validating`: the versions that ever held any of the images in val.
    - `unfinished`: batches that are being collected, or whose collection was killed. Their content is unknown.
    """

    images: frozenset[str]
    withdrawn: frozenset[str]
    rows: int
    shards: tuple[str, ...]
    tables: tuple[str, ...]
    versions: tuple[str, ...]
    validating: tuple[str, ...]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class _Shard:
    path: UPath
    images: frozenset[str]
    withdrawn: frozenset[str]
    rows: frozenset[int]


def erase_from_lake(lake: Lake, *, lock: Path) -> Erased | None:
    """Erase the bytes of all images whose tombstones ask for that, and of all images with the same pixels.

    1. The rows of the images leave the manifests of all versions, published or not; `former.parquet` remembers
       the images.
    2. The bytes leave the shards, in which the rows stay.
    3. The data cards of the versions are written anew, because the sums of the files have changed.

    In this order each row of a manifest has its bytes at every moment. Returns None if no tombstone asks for an
    erasure. `lock` is the lock file of `withdraw`. Raises StorageFull when there is no room, and LockHeld when another
    process holds the lock for too long.
    """
    stones = read_tombstones(lake)
    asked = stones[stones["erase"]]
    if asked.empty:
        return None
    with_twins = _with_twins(lake, lock)
    shards = [found for shard in _shards_of(lake) if (found := _look(shard, with_twins)).images]
    images: frozenset[str] = frozenset().union(*(shard.images for shard in shards))
    to_write = [shard for shard in shards if shard.rows]
    anew = bool(to_write) or asked["erased_at"].isna().any()
    tables, held = _leave_versions(lake, with_twins) if images and anew else ([], {})
    for shard in to_write:
        erase_rows(shard.path, shard.rows)
    if images and anew:
        renew_cards(lake)
    return Erased(
        images=images,
        withdrawn=frozenset().union(*(shard.withdrawn for shard in shards)),
        rows=sum(len(shard.rows) for shard in to_write),
        shards=tuple(_name(lake, shard.path) for shard in to_write),
        tables=tuple(_name(lake, path) for path in tables),
        versions=tuple(held),
        validating=tuple(version for version, splits in held.items() if "val" in splits),
        unfinished=tuple(_name(lake, path) for path in (lake.root / "batches").glob(f"{STAGING}*")),
    )


def remove_abandoned(folder: UPath, *, now: datetime, kind: str = "", age: timedelta = ABANDONED) -> list[UPath]:
    """Remove the half-written files that killed processes left in a folder and below it; return their paths.

    `kind` is the end of the finished files' names. A file is removed if nobody has changed it for `age`.
    """
    if not folder.exists():
        return []
    aside = re.compile(rf"\..+{re.escape(kind)}-[0-9a-f]{{32}}")  # as `model.files.write_whole` calls them
    named = (path for path in folder.rglob(".*") if aside.fullmatch(path.name))
    # Folders of batches being collected have such names too; the lake itself removes abandoned ones.
    found = [path for path in named if path.is_file() and _is_older(path, now - age)]
    for path in found:
        remove(path)
    return found


def _with_twins(lake: Lake, lock: Path) -> KeptOut:
    """Return which images are to be erased: pixel twins, neutralised copies and their originals are included.

    A tombstone that a reporter has set has no pixel hash at first: the hash is found and stored here.
    """
    stones = read_tombstones(lake)
    lacking = stones.loc[stones["erase"] & stones["pixel_hash"].isna(), "sha256"]
    if len(lacking):
        pixels = find_pixel_hashes(lake, sorted(lacking))
        with locked(lock):
            note_pixel_hashes(lake, pixels)
        stones = read_tombstones(lake)
    return KeptOut.of(stones[stones["erase"]]).with_neutralised(lambda: map(_read_images, _shards_of(lake)))


def _shards_of(lake: Lake) -> Iterator[UPath]:
    """Yield all shards, also of batches that are set aside or incomplete; skip those that are being written."""
    for shard in sorted((lake.root / "batches").glob("*/part-*.parquet")):
        if not shard.parent.name.startswith(STAGING):
            yield shard


def _read_images(path: UPath) -> pd.DataFrame:
    with path.open("rb") as file:
        return to_frame(pq.read_table(file, columns=list(LOOKED_AT)))


def _look(path: UPath, kept_out: KeptOut) -> _Shard:
    with path.open("rb") as file:
        rows = to_frame(pq.read_table(file, columns=[*_LOOKED_AT, "decode_error"]))
    named = kept_out.mark(rows)
    to_erase = named & (rows["decode_error"] != ERASED)
    withdrawn = KeptOut(kept_out.everywhere, frozenset()).mark(rows)
    return _Shard(
        path,
        images=frozenset(rows.loc[named, "sha256"]),
        withdrawn=frozenset(rows.loc[withdrawn, "sha256"]),
        rows=frozenset(map(int, rows.index[to_erase])),
    )


def _leave_versions(lake: Lake, kept_out: KeptOut) -> tuple[list[UPath], dict[str, frozenset[str]]]:
    """Take the images out of every version.

    Returns the tables that changed, and each version that ever held any of the images, with the splits they were in.
    """
    changed: list[UPath] = []
    held: dict[str, frozenset[str]] = {}
    for folder in _folders(lake.root / "datasets"):
        changed += [path for path in _tables(folder) if _leave(lake, path, kept_out)]
        if splits := _splits(folder / "former.parquet", kept_out):
            held[folder.name] = splits
    for folder in _folders(lake.root / "quarantine"):
        changed += [path for path in (folder / "rows.parquet",) if _leave(lake, path, kept_out)]
    return changed, held


def _folders(root: UPath) -> list[UPath]:
    return sorted(root.iterdir()) if root.exists() else []


def _tables(folder: UPath) -> Iterable[UPath]:
    """Return the tables of a version. The next version reads the splits given so far from the last table."""
    return folder / "manifest.parquet", folder / "candidates.parquet"


def _leave(lake: Lake, path: UPath, kept_out: KeptOut) -> bool:
    """Rewrite a table without the images; return False if the table holds none of them."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        named = kept_out.mark(to_frame(pq.read_table(file, columns=_LOOKED_AT)))
    if not named.any():
        return False
    with path.open("rb") as file:
        table = pq.read_table(file)
    if path.name == "candidates.parquet":
        _remember(lake, path.parent.name, to_frame(table.select(GIVEN))[named])
    write_table(path, table.filter(pa.array(~named)))
    return True


def _remember(lake: Lake, version: str, rows: pd.DataFrame) -> None:
    """Add images to the `former.parquet` of a version, so that the splits they were given stay known."""
    path = lake.version_path(version) / "former.parquet"
    if path.exists():
        with path.open("rb") as file:
            before = to_frame(pq.read_table(file))
        rows = pd.concat([before, rows[~rows["sha256"].isin(before["sha256"])]], ignore_index=True)
    write_former(lake, version, rows)


def _splits(path: UPath, kept_out: KeptOut) -> frozenset[str]:
    """Return the splits that a `former.parquet` gives for any of the images."""
    if not path.exists():
        return frozenset()
    with path.open("rb") as file:
        rows = to_frame(pq.read_table(file, columns=[*_LOOKED_AT, "split"]))
    return frozenset(rows.loc[kept_out.mark(rows), "split"])


def _is_older(path: UPath, moment: datetime) -> bool:
    try:
        return bool(path.fs.modified(path.path) <= moment)
    except FileNotFoundError:  # its writer has finished
        return False


def _name(lake: Lake, path: UPath) -> str:
    """Return the name of a file inside the lake."""
    return str(path)[len(str(lake.root)) :].lstrip("/")
