"""What it takes to bring all of CIFAKE into a validated version, and how near that is to merely decoding its files."""

import hashlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from PIL import Image

from figures.data import CIFAKE_VARIABLE
from figures.processes import most_held, pool
from figures.results import Figure
from model.ingest import assemble, collect_part, plan, publish
from model.lake import Lake
from model.parts import Part
from model.sources.declared import Source
from model.sources.tree import is_image

COMMAND = f"{CIFAKE_VARIABLE}=<folder or archive> make bench-full"


def cifake_ingestion() -> Iterator[Figure]:
    """Ingest what CIFAKE names with as many processes as there are cores; measures nothing without it."""
    location = os.environ.get(CIFAKE_VARIABLE)
    if location is None:
        return
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        url = f"{folder}/lake"
        with pool(cores) as processes:
            files = _files(Path(location), Path(folder) / "files")
            _floor(files, processes, cores)  # once unmeasured, so that all have the files in memory
            floor = _floor(files, processes, cores)
            begin = time.perf_counter()
            held_together = _collect(url, location, processes, cores)
            collecting = time.perf_counter() - begin
        with pool(1) as process:
            begin = time.perf_counter()
            held_alone = process.submit(bring_out, url).result()
            seconds = collecting + time.perf_counter() - begin
    yield Figure("ingest.cifake_seconds", round(seconds, 1), "s", COMMAND)
    yield Figure("ingest.peak_gb", round(max(held_together, held_alone), 2), "GB", COMMAND)
    yield Figure("ingest.floor_ratio", round(collecting / floor, 2), "x", COMMAND)


def collect_one(url: str, part: Part, *, now: datetime) -> float:
    """Collect a part, in a process of its own; returns the memory that it took, in GB."""
    collect_part(Lake(url), part, now=now)
    return most_held()


def bring_out(url: str) -> float:
    """Assemble, validate and publish, in a process of its own; returns the memory that it took, in GB."""
    from expectations.manifest import validate

    lake = Lake(url)
    version = assemble(lake, today=datetime.now(UTC).date())
    validate(lake, version)
    publish(lake, version)
    return most_held()


def read_and_decode(files: Sequence[Path]) -> None:
    """Do what nobody who takes images in can leave out: read each file, hash its bytes, decode its pixels."""
    for file in files:
        data = file.read_bytes()
        hashlib.sha256(data).hexdigest()
        Image.open(io.BytesIO(data)).convert("RGB")


def _collect(url: str, location: str, processes: ProcessPoolExecutor, cores: int) -> float:
    """Collect all parts; returns the sum of what the processes held, each at its own peak, in GB."""
    parts = plan(Lake(url), [Source(location=location)], parts=cores)
    return sum(processes.map(partial(collect_one, url, now=datetime.now(UTC)), parts))


def _floor(files: Sequence[Path], processes: ProcessPoolExecutor, cores: int) -> float:
    begin = time.perf_counter()
    list(processes.map(read_and_decode, [files[start::cores] for start in range(cores)]))
    return time.perf_counter() - begin


def _files(location: Path, unpacked: Path) -> list[Path]:
    """List the images of a folder, or of an archive, which is unpacked for it."""
    if location.is_file():
        shutil.unpack_archive(location, unpacked, filter="data")
        location = unpacked
    return sorted(path for path in location.rglob("*") if is_image(path.name))
