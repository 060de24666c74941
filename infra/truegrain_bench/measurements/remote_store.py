"""Measures the ingestion of many small files from S3 over connections that are cut now and then."""

import io
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from model.dataset.contained.budget import Budget
from model.dataset.ingest import assemble, collect_part, plan
from model.dataset.lake import Lake
from model.sources.declaration import Source
from truegrain_bench.results.results import Figure
from truegrain_rig.environment import environment
from truegrain_rig.s3_server import running_s3

COMMAND: Final = "make bench-full"
IMAGES: Final = 100_000
IMAGES_VARIABLE: Final = "S3_IMAGES"
CUT_EVERY: Final = 1_000
DAYS: Final = 10
PARTS: Final = 2


def store_with_cuts() -> Iterator[Figure]:
    """Ingest the same images from S3 and from the disk; compare the versions, and count requests and cuts.

    The variable S3_IMAGES measures another number of images than IMAGES.
    """
    images = int(os.environ.get(IMAGES_VARIABLE, IMAGES))
    command = COMMAND if images == IMAGES else f"{IMAGES_VARIABLE}={images} {COMMAND}"
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name:
        home = Path(name)
        _draw(home / "shop", images)
        here = _ingest(Lake(f"{home}/here"), str(home / "shop"))
        with running_s3(home, cut_every=CUT_EVERY) as store:
            store.put(home / "shop")
            with environment(**store.environment):
                begin = time.perf_counter()
                there = _ingest(Lake(f"{home}/there"), f"{store.url}/shop")
                seconds = time.perf_counter() - begin
            listings = sum("list-type" in line for line in store.door.requests)
            cuts = store.door.cuts
    yield Figure("ingest.s3_images", images, "images", command)
    yield Figure("ingest.s3_cuts", cuts, "cuts", command)
    yield Figure("ingest.s3_listings", listings, "requests", command)
    yield Figure("ingest.s3_seconds", round(seconds, 1), "s", command)
    yield Figure("ingest.s3_differences", int(here != there), "versions", command)


def _draw(folder: Path, images: int) -> None:
    """Draw images into `<day>/{real,ai}`, as a bucket that grows every day holds them."""
    random = np.random.default_rng(0)
    for number in range(images):
        path = folder / f"2026-11-{1 + number * DAYS // images:02}" / ("real", "ai")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(buffer, "JPEG")
        path.write_bytes(buffer.getvalue())


def _ingest(lake: Lake, location: str) -> str:
    """Ingest a source as the tasks of a run do, one after the other, and return the version."""
    now = datetime.now(UTC)
    for part in plan(lake, [Source(location=location)], parts=PARTS, budget=Budget()):
        collect_part(lake, part, now=now, budget=Budget())
    return assemble(lake, today=now.date())
