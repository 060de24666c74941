"""Measures a dataset version of a million images (made-up facts, one picture): assembly, split and validation."""

import io
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from PIL import Image

from expectations.dataset import validate
from model.dataset.ingest import assemble, publish
from model.dataset.lake import SUCCESS, Lake
from model.dataset.manifest import read_candidates, write_rows
from model.dataset.shards import BATCH_SCHEMA
from model.dataset.validation import Validation, write_validation
from model.files import write_table, write_text
from model.images.sketch import WORDS
from model.pages.dataset_page import write_page
from truegrain_bench.results.results import Figure
from truegrain_rig.process import most_held_alone, pool

IMAGES = 1_000_000
NEAR_DUPLICATES, PIXEL_TWINS, BROKEN = 0.1, 0.01, 0.01
"""Shares of all images: near-duplicates (up to four bits of the hash differ), pixel twins, and undecodable files."""

SOURCES = np.array(["shoes", "faces", "cats", "art", "rooms"])
LICENCES = np.array(["MIT", "CC-BY-4.0", None, "CC-BY-4.0", "CC0-1.0"])
SPLIT_HINTS = np.array(["train", "test", None, None, None])
"""The split that each source gives its images: two sources are split, the other sources are not."""

NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)
LATER = date(2026, 1, 19)
COMMAND = "make bench-full"


def million_rows() -> Iterator[Figure]:
    """Publish a version of a million images after a version of half a million, in a separate process."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        with pool(1) as process:
            process.submit(prepare, folder).result()
        with pool(1) as process:  # a fresh process, so that its peak is its own
            seconds, gigabytes = process.submit(bring_out, folder, today=LATER).result()
    yield Figure("ingest.manifest_1m_seconds", round(seconds, 1), "s", COMMAND)
    yield Figure("ingest.manifest_1m_gb", round(gigabytes, 2), "GB", COMMAND)


def prepare(url: str, images: int = IMAGES) -> None:
    """Fill a lake with the facts of so many images in two batches; publish the first batch."""
    lake, facts = Lake(url), make_facts(images, np.random.default_rng(0))
    half = images // 2
    _write_batch(lake, "first", facts.slice(0, half))
    version = assemble(lake, today=NOW.date())
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    write_validation(lake, Validation(version=version, success=True, accepted=half))
    publish(lake, version)
    _write_batch(lake, "second", facts.slice(half))


def bring_out(url: str, *, today: date) -> tuple[float, float]:
    """Assemble, validate and publish a version; return the seconds and the peak memory of this process in GB."""
    lake, begin = Lake(url), time.perf_counter()
    version = assemble(lake, today=today)
    validate(lake, version)
    write_page(lake, version)
    publish(lake, version)
    return time.perf_counter() - begin, most_held_alone()


def make_facts(count: int, rng: np.random.Generator) -> pa.Table:
    """Make up the facts of `count` images; only hashes identify an image."""
    copies = rng.random(count) < NEAR_DUPLICATES
    twins = rng.random(count) < PIXEL_TWINS
    of = np.where(copies | twins, rng.integers(0, count, count), np.arange(count))
    of = np.where((copies | twins)[of], np.arange(count), of)  # a copy has no copies
    source, is_ai = rng.integers(0, len(SOURCES), count)[of], (rng.random(count) < 0.5)[of]
    second = np.arange(count) >= count // 2
    pixels = _hex(count, rng)
    broken = pa.array(rng.random(count) < BROKEN)
    seen = {
        "pixel_hash": np.where(twins, pixels[of], pixels),
        "phash": _hashes(count, of, rng),
        "width": rng.choice([256, 512, 640, 1024], count),
        "height": rng.choice([256, 512, 640, 1024], count),
        "format": pa.repeat("JPEG", count),
        "mode": pa.repeat("RGB", count),
        "jpeg_quality": rng.integers(70, 96, count),
        "has_icc": rng.random(count) < 0.1,
        "has_exif": rng.random(count) < 0.1,
        "quantization": rng.choice(_hex(30, rng), count),
        "animated": np.zeros(count, dtype=np.bool_),
        "brightness": rng.random(count, dtype=np.float32),
        "border": rng.random(count, dtype=np.float32),
    }
    return (
        pa.table(
            {
                "image": pa.repeat(pa.scalar(_draw_smallest()), count),
                "sha256": _hex(count, rng),
                "bytes": rng.integers(20_000, 200_000, count),
                **{name: pc.if_else(broken, None, pa.array(values)) for name, values in seen.items()},
                "decode_error": pc.if_else(broken, "broken: it is cut off", None),
                "label": np.where(is_ai, "ai", "real"),
                "source": SOURCES[source],
                "generator": pc.if_else(pa.array(is_ai), "diffusion", pa.scalar(None, pa.string())),
                "split_hint": pa.array(SPLIT_HINTS[source], pa.string()),
                "origin": [f"images/{number:07}.jpg" for number in range(count)],
                "ingested_at": np.where(
                    second, np.datetime64("2026-01-19T02", "ms"), np.datetime64("2026-01-05T02", "ms")
                ),
                "licence": pa.array(LICENCES[source], pa.string()),
                "collection": pa.nulls(count, pa.string()),
                "revision": pa.nulls(count, pa.string()),
                "sketch": pc.if_else(broken, None, pa.array(_sketches(seen["phash"]))),
            }
        )
        .select(BATCH_SCHEMA.names)
        .cast(BATCH_SCHEMA)
    )


def _draw_smallest() -> bytes:
    """Draw the picture that stands for every image on pages."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    return buffer.getvalue()


def _hex(count: int, rng: np.random.Generator) -> NDArray[np.str_]:
    digits = rng.bytes(32 * count).hex()
    return np.array([digits[start : start + 64] for start in range(0, len(digits), 64)])


def _hashes(count: int, of: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Make perceptual hashes with half of the bits set; hashes of copies differ in up to four bits."""
    bits = rng.permuted(np.tile(np.arange(64) % 2 == 0, (count, 1)), axis=1)[of]
    for row in np.flatnonzero(of != np.arange(count)):
        swapped = [rng.choice(np.flatnonzero(bits[row] == value), 2, replace=False) for value in (True, False)]
        bits[row, np.concatenate(swapped)] ^= True
    return np.packbits(bits, axis=1).view(">i8").ravel().astype(np.int64)


def _sketches(phashes: NDArray[np.int64]) -> list[str]:
    """Make sketches of three views; near-duplicates have equal details, and coarse details as their perceptual hashes.

    The views are told apart by bits of the coarse details, so that the views of one picture are far from each other.
    """
    words = np.zeros((len(phashes), 3, WORDS), dtype=np.uint64)
    words[:, :, 0] = phashes.view(np.uint64)[:, None] ^ np.array([0, 0xFF << 8, 0xFF << 24], dtype=np.uint64)
    return [sketch.tobytes().hex() for sketch in words.astype(">u8")]


def _write_batch(lake: Lake, name: str, facts: pa.Table) -> None:
    write_table(lake.root / "batches" / name / "part-00000.parquet", facts)
    write_text(lake.root / "batches" / name / SUCCESS, "")
