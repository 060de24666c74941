"""How near the service comes to what the machine can do, and how it bears too much."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from figures.artifacts import draw_photo, judge, untrained
from figures.bare_app import serving_bare
from figures.load import Load, fire
from figures.mlflow_scoring import scoring
from figures.processes import pool
from figures.results import Figure
from figures.served import serving
from model.detector import Detector

COMMAND = "make bench"
SMALL, LARGE = "quick", "production"
"""Recipes: ResNet-10 at 64 pixels, EfficientNet-B0 at 224."""

CORES = 2
CLIENTS = 8
SECONDS = 12.0
CALM, TOO_MUCH = 0.7, 3.0
"""Shares of the capacity at which latency is measured."""

CROWD = 64
"""Clients that make it too much; each waits for its answer before it asks again."""


def serving_rates() -> Iterator[Figure]:
    """Ask the service for verdicts on one photograph, with a small detector and with a large one."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        folder = Path(name)
        photo = draw_photo(folder / "photo.jpg")
        small, large = (torch.submit(untrained, recipe, folder / recipe).result() for recipe in (SMALL, LARGE))
        yield from _small(small, photo)
        yield from _large(large, photo)


def _small(artifact: Path, photo: Path) -> Iterator[Figure]:
    bound = _bound(artifact, photo)
    with serving(artifact, workers=CORES) as service:
        url = f"{service.url}/predict"
        fire(url, photo, seconds=2, clients=CLIENTS)
        full = fire(url, photo, seconds=SECONDS, clients=CLIENTS)
        calm = fire(url, photo, seconds=SECONDS, clients=CLIENTS, rate=CALM * full.rate)
        crowded = fire(url, photo, seconds=SECONDS, clients=CROWD, rate=TOO_MUCH * full.rate)
        after = fire(url, photo, seconds=SECONDS, clients=CLIENTS, rate=CALM * full.rate)
        held = max(worker.memory_info().rss for worker in service.workers())
        yield Figure("serve.ready_seconds", round(service.ready_seconds, 1), "s", COMMAND)
    bare = _bare_rate(artifact, photo)
    with scoring(artifact, photo, workers=CORES) as (address, body):
        theirs = fire(address, body, seconds=SECONDS, clients=CLIENTS, kind="application/json")
    yield Figure("serve.rss_mb", round(held / 1e6), "MB", COMMAND)
    yield Figure("serve.bound_ratio", round(full.rate / bound, 2), "x", COMMAND)
    yield Figure("serve.bare_bound_ratio", round(bare / bound, 2), "x", COMMAND)
    yield Figure("serve.vs_mlflow", round(full.rate / theirs.rate, 1), "x", COMMAND)
    yield Figure("serve.p99_over_p50", round(calm.quantile(0.99) / calm.quantile(0.5), 1), "x", COMMAND)
    yield Figure("serve.overload_p99", round(crowded.quantile(0.99) / calm.quantile(0.99), 1), "x", COMMAND)
    yield Figure("serve.overload_shed", round(100 * float((~crowded.accepted).mean()), 1), "%", COMMAND)
    yield Figure("serve.overload_recovery_seconds", _recovery(after, calm), "s", COMMAND)


def _large(artifact: Path, photo: Path) -> Iterator[Figure]:
    bound = _bound(artifact, photo)
    with serving(artifact, workers=CORES) as service:
        url = f"{service.url}/predict"
        fire(url, photo, seconds=2, clients=CLIENTS)
        alone = fire(url, photo, seconds=SECONDS, clients=1)
        full = fire(url, photo, seconds=SECONDS, clients=CLIENTS)
    yield Figure("serve.b0_224_p50_ms", round(1000 * alone.quantile(0.5), 1), "ms", COMMAND)
    yield Figure("serve.b0_224_images_per_second", round(full.rate, 1), "images/s", COMMAND)
    yield Figure("serve.b0_224_bound_ratio", round(full.rate / bound, 2), "x", COMMAND)
    yield Figure("serve.b0_224_bare_bound_ratio", round(_bare_rate(artifact, photo) / bound, 2), "x", COMMAND)


def _bare_rate(artifact: Path, photo: Path) -> float:
    """Return the verdicts a second of the least that Flask and gunicorn can do."""
    with serving_bare(artifact, workers=CORES) as url:
        fire(url, photo, seconds=2, clients=CLIENTS)
        return fire(url, photo, seconds=SECONDS, clients=CLIENTS).rate


def _recovery(after: Load, calm: Load) -> float:
    """Return the seconds until requests were neither refused nor slower than usual, second by second, for good.

    A second is slow when half of its answers are slower than 99 in 100 were in calm times.
    """
    slow = calm.quantile(0.99)
    seconds = np.floor(after.at)
    disturbed = [
        second
        for second in np.unique(seconds)
        if not after.accepted[seconds == second].all() or np.median(after.seconds[seconds == second]) > slow
    ]
    return float(max(disturbed) + 1) if disturbed else 0.0


def _bound(artifact: Path, photo: Path) -> float:
    """Return the images a second that decoding, preprocessing and scoring in a loop on every core come to."""
    with pool(CORES) as processes:
        loops = [processes.submit(_loop, artifact, photo.read_bytes()) for _ in range(CORES)]
        return sum(loop.result() for loop in loops)


def _loop(artifact: Path, photo: bytes) -> float:
    detector = Detector.load(artifact)
    for _ in range(20):
        judge(detector, photo)
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        judge(detector, photo)
        done += 1
    return done / (time.perf_counter() - begin)
