"""Measures how ingestion withstands hostile files."""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import numpy as np

from model.dataset.contained.budget import Budget
from model.dataset.ingest import collect_part, plan
from model.dataset.lake import Lake
from model.errors import TruegrainError
from model.sources import archive
from model.sources.declaration import Source
from truegrain_bench.results.results import Figure
from truegrain_fuzz import seeds
from truegrain_rig.hostile_files import mutate
from truegrain_rig.hostile_sources import bombs
from truegrain_rig.process import most_held, pool

COMMAND: Final = "make bench-full"
IMAGES: Final = 3_000
CONTAINERS: Final = 2_000
"""Archives, shards and tables. Each is its own source, since a source ends at the first damage."""
MOST_SECONDS: Final = 10.0
MOST_GIGABYTES: Final = 2.0


def hostile_files() -> Iterator[Figure]:
    """Ingest hostile files; count unexpected errors, files above MOST_SECONDS, and memory above MOST_GIGABYTES."""
    tries, failures, slowest, peak = 0, 0, 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as process:
        home = Path(name)
        (home / "bombs").mkdir()
        for path in bombs(home / "bombs"):
            seconds, held = process.submit(_ingest, path, Budget()).result()
            tries, failures, slowest = tries + 1, failures + (not held or seconds > MOST_SECONDS), max(slowest, seconds)
        _, held = process.submit(_ingest, _write_images(home / "images"), Budget()).result()
        tries, failures = tries + IMAGES, failures + (not held)
        for seconds, held in process.map(_ingest, _containers(home / "containers"), chunksize=50):
            tries, failures = tries + 1, failures + (not held or seconds > MOST_SECONDS)
        peak = process.submit(_peak_gigabytes).result()
    yield Figure("hostile.files", tries, "files", COMMAND)
    yield Figure("hostile.file_failures", failures + (peak > MOST_GIGABYTES), "failures", COMMAND)
    yield Figure("hostile.ingest_peak_gb", round(peak, 2), "GB", COMMAND)
    yield Figure("hostile.slowest_file_seconds", round(slowest, 1), "s", COMMAND)


def _ingest(path: Path, budget: Budget | None = None) -> tuple[float, bool]:
    """Ingest one source, with a budget in a child process; return seconds, and whether it was taken or refused."""
    begin, held = time.perf_counter(), True
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name:
        lake = Lake(name)
        try:
            for part in plan(lake, [Source(location=str(path))], parts=1, budget=budget):
                collect_part(lake, part, now=datetime.now(UTC), budget=budget)
        except TruegrainError:
            pass
        except Exception as error:
            sys.stderr.write(f"{path.name}: {error!r}\n")
            held = False
    return time.perf_counter() - begin, held


def _peak_gigabytes() -> float:
    """Return the peak memory of this process or one of its children; a child starts with its parent's memory."""
    return max(most_held(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9)


def _write_images(folder: Path) -> Path:
    random, given = np.random.default_rng(0), cycle(list(seeds.images()))
    for number, data in enumerate(islice(given, IMAGES)):
        path = folder / ("real", "ai")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(data, random))
    return folder


def _containers(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    random = np.random.default_rng(1)
    given = [(archive.SUFFIXES[number], packed[1:]) for number, packed in enumerate(seeds.archives())]
    given += [(".parquet", shard) for shard in seeds.shards()] + [(".csv", table) for table in seeds.tables()]
    for number, (suffix, data) in enumerate(islice(cycle(given), CONTAINERS)):
        path = folder / f"{number}{suffix}"
        path.write_bytes(mutate(data, random))
        yield path
