"""Measures `truegrain sources check` on a folder of many small files: listing all of them, and reading a sample."""

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from truegrain_bench.results.results import Figure
from truegrain_rig.stack import ROOT

FILES = 100_000
COMMAND = "make bench-full"

_PICTURES = 500
_SIDE = 32
_FOLDERS = ("train/real", "train/ai/flux", "train/ai/sdxl", "test/real", "test/ai/flux")


def source_check() -> Iterator[Figure]:
    """Check a folder of FILES thumbnails, and write the page of the check."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder:
        make_files(Path(folder) / "images", FILES)
        begin = time.perf_counter()
        check(Path(folder))
        yield Figure("sources.check_seconds", round(time.perf_counter() - begin, 1), "s", COMMAND)


def make_files(root: Path, count: int) -> None:
    """Write JPEGs of 32 pixels into folders of both classes; no two files have the same bytes."""
    rng = np.random.default_rng(0)
    pictures = [_encode(rng.integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)) for _ in range(_PICTURES)]
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True)
    for number in range(count):
        path = root / _FOLDERS[number % len(_FOLDERS)] / f"{number:06d}.jpg"
        path.write_bytes(pictures[number % _PICTURES] + str(number).encode())  # what follows a JPEG's end is ignored


def check(folder: Path) -> None:
    """Call the command as a person does; raises CalledProcessError if the source would not be ingested."""
    command = [sys.executable, "-m", "truegrain", "sources", "check", str(folder / "images"), "--report"]
    subprocess.run([*command, str(folder / "report.html")], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _encode(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
