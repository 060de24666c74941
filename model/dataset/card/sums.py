"""Keeps the SHA-256 sums of a batch's shards beside the shards, so that no shard is read twice for its sum."""

import hashlib
import json
from typing import IO, Any, Final

from upath import UPath

from model.dataset.lake import Lake
from model.files import write_text

FILE: Final = "sums.json"

_CHUNK: Final = 1 << 20


def sum_shards(lake: Lake, batch: str) -> dict[str, tuple[str, int]]:
    """Return the SHA-256 sum and the size in bytes of each shard of a batch, by the name of the shard.

    A sum is computed anew once size or time of its shard has changed, as after an erasure.
    """
    known = _read(lake.root / "batches" / batch / FILE)
    sums = {path.name: _sum(lake, path, known.get(path.name)) for path in lake.shards_of(batch)}
    if sums != known:
        write_text(lake.root / "batches" / batch / FILE, json.dumps(sums, indent=1, sort_keys=True))
    return {name: (each["sha256"], each["bytes"]) for name, each in sums.items()}


def sum_of(file: IO[bytes]) -> str:
    """Return the SHA-256 sum of an opened file from where it stands."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _sum(lake: Lake, path: UPath, known: dict[str, Any] | None) -> dict[str, Any]:
    # The time comes first: a shard that is rewritten meanwhile is read again next time.
    stamp = {"bytes": int(path.stat().st_size), "modified": lake.modified_at(path).isoformat()}
    if known is not None and known.items() >= stamp.items():
        return known
    with path.open("rb") as file:
        return stamp | {"sha256": sum_of(file)}


def _read(path: UPath) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    sums: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return sums
