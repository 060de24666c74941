"""Remembers what was read of the sources, so that the next run reads only what is new."""

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from model.dataset.digest_set import ARROW, Digests
from model.dataset.intake import claimed
from model.dataset.lake import Lake
from model.dataset.shards import BATCH_SCHEMA, ERASED
from model.files import remove, write_table

_MOST_FILES: Final = 100
"""Files of digests that may accumulate, one for each part of a run, before they are merged into one."""

_RELIED_ON: Final = b"batches"


def read_seen(lake: Lake) -> Digests:
    """Return the digests of everything that was read and whose images are still in the lake.

    A file of digests no longer counts once a batch that the file relied on was set aside. Images may have been known
    from that batch alone, so they are read again.
    """
    return _read(_files(lake), lake.batches())


def remember(lake: Lake, read: Digests, *, batches: Iterable[str]) -> None:
    """Store the digests of what was read, and the `batches` that were in the lake then; atomic."""
    schema = pa.schema([pa.field("digest", ARROW, nullable=False)], {_RELIED_ON: json.dumps(sorted(set(batches)))})
    table = pa.Table.from_arrays([read.to_arrow()], schema=schema)
    write_table(lake.root / "seen" / f"{uuid.uuid4().hex}.parquet", table, compression="none")


def tidy_seen(lake: Lake) -> None:
    """Merge the files of digests once there are more than _MOST_FILES; drop files that no longer count."""
    files, alive = _files(lake), lake.batches()
    if len(files) <= _MOST_FILES:
        return
    relied_on = {batch for file in files for batch in _relied_on(file)}
    remember(lake, _read(files, alive), batches=relied_on.intersection(alive))
    for file in files:
        remove(file)


def _files(lake: Lake) -> list[UPath]:
    return [path for path in (lake.root / "seen").glob("*.parquet") if not path.name.startswith(".")]


def _read(files: Iterable[UPath], alive: Iterable[str]) -> Digests:
    counting = (file for file in files if _relied_on(file) <= set(alive))
    return Digests(column for file in counting for column in _columns(file))


def _columns(path: UPath) -> Iterator[pa.Array]:
    with path.open("rb") as file:
        yield from pq.read_table(file)["digest"].chunks


def _relied_on(path: UPath) -> set[str]:
    with path.open("rb") as file:
        return set(json.loads(pq.read_schema(file).metadata[_RELIED_ON]))


def known_before(lake: Lake, now: datetime) -> Digests:
    """Return the digests of the images that entered a lake before `now` and were not erased."""
    return Digests(_claims(lake, now))


def _claims(lake: Lake, now: datetime) -> Iterator[pa.Array]:
    moment = pa.scalar(now, BATCH_SCHEMA.field("ingested_at").type)
    for rows in lake.scan(["sha256", "label", "split_hint", "ingested_at", "decode_error"]):
        erased = pc.fill_null(pc.equal(rows["decode_error"], ERASED), fill_value=False)
        before = rows.filter(pc.and_not(pc.not_equal(rows["ingested_at"], moment), erased))
        claims = zip(*(before[name].to_pylist() for name in ("sha256", "label", "split_hint")), strict=True)
        yield pa.array((claimed(*claim) for claim in claims), ARROW)
