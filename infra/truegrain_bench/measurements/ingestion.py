"""Measures the ingestion of CIFAKE into a validated version, and of files relative to merely decoding them."""

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
from statistics import median
from typing import Final

from PIL import Image

from model.dataset.contained.budget import Budget
from model.dataset.ingest import collect_part, plan
from model.dataset.ingest_parts import Part
from model.dataset.lake import Lake
from model.sources.declaration import Source
from model.sources.tree import is_image
from truegrain_bench.measurements.million_rows import bring_out
from truegrain_bench.measurements.twins import CIFAKE_COMMAND, CIFAKE_VARIABLE
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import draw_megapixel_photos
from truegrain_rig.process import most_held, pool

PHOTOGRAPHS: Final = 600
ROUNDS: Final = 3


def cifake_ingestion() -> Iterator[Figure]:
    """Ingest the files that the variable CIFAKE names, with a process a core; measure nothing without the variable."""
    location = os.environ.get(CIFAKE_VARIABLE)
    if location is None:
        return
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        url = f"{folder}/lake"
        with pool(cores) as processes:
            source = _unpacked(Path(location), Path(folder) / "files")
            above_floor = _above_floor(source, Path(folder) / "beside", processes, cores)
            begin = time.perf_counter()
            held_together = _collect(url, location, processes, cores)
            collecting = time.perf_counter() - begin
        with pool(1) as process:
            begin = time.perf_counter()
            _, held_alone = process.submit(bring_out, url, today=datetime.now(UTC).date()).result()
            seconds = collecting + time.perf_counter() - begin
    yield Figure("ingest.cifake_seconds", round(seconds, 1), "s", CIFAKE_COMMAND)
    yield Figure("ingest.peak_gb", round(max(held_together, held_alone), 2), "GB", CIFAKE_COMMAND)
    yield Figure("ingest.floor_ratio", round(above_floor, 2), "x", CIFAKE_COMMAND)


def photograph_ingestion() -> Iterator[Figure]:
    """Collect drawn photographs of a megapixel, with a process a core."""
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        draw_megapixel_photos(Path(folder) / "files", PHOTOGRAPHS)
        with pool(cores) as processes:
            rounds = [
                _above_floor(Path(folder) / "files", Path(folder) / f"lake-{number}", processes, cores)
                for number in range(ROUNDS)
            ]
    yield Figure("ingest.photograph_floor_ratio", round(median(rounds), 2), "x", "make bench")


def collect_one(url: str, part: Part, *, now: datetime) -> tuple[int, float]:
    """Collect a part; return the id and the peak memory (GB) of this process."""
    collect_part(Lake(url), part, now=now, budget=Budget())
    return os.getpid(), most_held()


def read_and_decode(files: Sequence[Path]) -> None:
    """Do the least that ingestion needs: read each file, hash its bytes, decode its pixels."""
    for file in files:
        data = file.read_bytes()
        hashlib.sha256(data).hexdigest()
        Image.open(io.BytesIO(data)).convert("RGB")


def _above_floor(source: Path, lake: Path, processes: ProcessPoolExecutor, cores: int) -> float:
    """Return how many times as long it takes to collect the files of a folder as to read, hash and decode them."""
    files = sorted(path for path in source.rglob("*") if is_image(path.name))
    _floor(files, processes, cores)  # the first run is not measured: it brings the files into memory
    floor = _floor(files, processes, cores)
    begin = time.perf_counter()
    _collect(str(lake), str(source), processes, cores)
    return (time.perf_counter() - begin) / floor


def _collect(url: str, location: str, processes: ProcessPoolExecutor, cores: int) -> float:
    """Collect all parts; return the sum of the peak memory of all processes, in GB."""
    parts = plan(Lake(url), [Source(location=location)], parts=cores, budget=Budget())
    return sum(dict(processes.map(partial(collect_one, url, now=datetime.now(UTC)), parts)).values())


def _floor(files: Sequence[Path], processes: ProcessPoolExecutor, cores: int) -> float:
    begin = time.perf_counter()
    list(processes.map(read_and_decode, [files[start::cores] for start in range(cores)]))
    return time.perf_counter() - begin


def _unpacked(location: Path, folder: Path) -> Path:
    """Return a folder unchanged; unpack an archive into `folder` and return `folder`."""
    if location.is_dir():
        return location
    shutil.unpack_archive(location, folder, filter="data")
    return folder
