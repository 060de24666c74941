"""Writes a WebDataset shard: a tar with two files an image, `<sha256>.<ending>` and `<sha256>.json`."""

import io
import json
import tarfile
from collections.abc import Mapping
from typing import IO, Any

from model.dataset.export.shards import Shard
from model.dataset.lake import Lake
from model.sources.exported import MARK


def write_webdataset(file: IO[bytes], shard: Shard, lake: Lake, *, version: str) -> None:
    """Write the images of a shard; the JSON notes the `version`, so that the shard is known as an export.

    The files have the time at which their image was read, so the same images make the same bytes.
    """
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for facts, name, data in shard.images(lake):
            when = facts["ingested_at"]
            told = facts | {"ingested_at": when.isoformat(), MARK.decode(): version}
            _add(archive, name, data, int(when.timestamp()))
            _add(archive, f"{facts['sha256']}.json", _as_json(told), int(when.timestamp()))


def _as_json(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes, when: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), when
    archive.addfile(info, io.BytesIO(data))
