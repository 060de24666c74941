"""Measures the duration of `make up`, the quality of the detector that it promotes, and the latency of verdicts."""

import io
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import requests
from PIL import Image

from model.registry.version_tags import measured
from truegrain_bench.measurements.compression import jpeg_drops
from truegrain_bench.measurements.domain import unsure_shares
from truegrain_bench.measurements.twins import CIFAKE_COMMAND, CIFAKE_VARIABLE
from truegrain_bench.results.results import Figure
from truegrain_rig.stack import ROOT, running

SHORT = "make bench"
FULL = "make bench-full"
SEED_VARIABLE = "CIFAKE_SEED"
"""Environment variable that names the folder or archive with the small real set."""

WARM_UP_REQUESTS = 20
TIMED_REQUESTS = 300


def builtin_loop() -> Iterator[Figure]:
    """Run the loop on the built-in images, then send requests to the service, one at a time."""
    with running() as stack:
        yield Figure("setup.up_seconds", stack.seconds, "s", SHORT)
        yield Figure("setup.peak_gb", stack.summary["peak_gb"], "GB", SHORT)
        yield Figure("detector.synthetic_accuracy", _percent(stack.summary, "accuracy"), "%", SHORT)
        yield Figure("serve.p50_ms", _median_ms(f"{stack.service}/predict"), "ms", SHORT)
        yield from unsure_shares(stack)


def seed_loop() -> Iterator[Figure]:
    """Run the loop on the small real set that CIFAKE_SEED names; measure nothing without the variable."""
    source = os.environ.get(SEED_VARIABLE)
    if source is None:
        return
    with running(source=str(Path(source).resolve())) as stack:
        yield Figure("detector.seed_seconds", stack.seconds, "s", FULL)
        yield Figure("detector.seed_accuracy", _percent(stack.summary, "accuracy"), "%", FULL)
        yield Figure("detector.ece", _percent(stack.summary, "ece"), "%", FULL)
        yield from jpeg_drops(stack)


def cifake_loop() -> Iterator[Figure]:
    """Run the loop on all of CIFAKE with the recipe `cifake`; measure nothing without the variable CIFAKE.

    The home is kept: training takes hours, and continues when the measurement is repeated.
    """
    source = os.environ.get(CIFAKE_VARIABLE)
    if source is None:
        return
    with running(source=str(Path(source).resolve()), recipe="cifake", home=ROOT / ".local" / "bench-cifake") as stack:
        yield Figure("detector.cifake_accuracy", _percent(stack.summary, "accuracy"), "%", CIFAKE_COMMAND)
        yield Figure("detector.cifake_auroc", _percent(stack.summary, "auroc"), "%", CIFAKE_COMMAND)
        yield Figure("detector.cifake_ece", _percent(stack.summary, "ece"), "%", CIFAKE_COMMAND)


def fresh_clone() -> Iterator[Figure]:
    """Run `make up` in a fresh clone of the committed revision."""
    with tempfile.TemporaryDirectory(prefix="truegrain-clone-") as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), folder], check=True)
        with running(up=("make", "up"), down=("make", "down"), root=Path(folder)) as stack:
            yield Figure("setup.fresh_seconds", stack.seconds, "s", FULL)


def _percent(summary: dict[str, dict[str, dict[str, str]]], metric: str) -> float:
    """Return a metric on the frozen test split in per cent, from the registry's version tag."""
    return round(100 * float(summary["version"]["tags"][measured(metric)]), 2)


def _median_ms(url: str) -> float:
    """Return the median time of a request on a kept connection, measured by the client, in ms."""
    image = _jpeg(224)
    times = []
    with requests.Session() as session:
        for _ in range(WARM_UP_REQUESTS + TIMED_REQUESTS):
            begin = time.perf_counter()
            session.post(url, data=image, headers={"Content-Type": "image/jpeg"}, timeout=10).raise_for_status()
            times.append(time.perf_counter() - begin)
    return round(1000 * statistics.median(times[WARM_UP_REQUESTS:]), 1)


def _jpeg(side: int) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
