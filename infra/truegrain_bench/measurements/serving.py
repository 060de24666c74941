"""Measures the service's rate relative to what the machine can do, and its behaviour under overload."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.detectors.detector import Detector
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import draw_photo, judge, untrained
from truegrain_rig.bare_app import serving_bare
from truegrain_rig.hey import Load, fire
from truegrain_rig.mlflow_scoring import scoring
from truegrain_rig.process import pool
from truegrain_rig.served import serving

COMMAND = "make bench"
SMALL, LARGE = "quick", "production"
"""Recipes: ResNet-10 at 64 pixels, EfficientNet-B0 at 224."""

CORES = 2
CLIENTS = 8
SECONDS = 12.0
WARM_UP_SECONDS = 12.0
"""As long as follower and monitor take to start."""

CROWD_SECONDS = 30.0
"""Long enough that the first quarter of a second, before the service detects the overload, is less than 1 %."""

ROUNDS, ROUND_SECONDS = 7, 4.0

CALM, TOO_MUCH = 0.7, 3.0
"""Loads at which latency is measured, as shares of the capacity."""

CROWD = 64
"""Clients of the overload; each waits for its answer before it sends another request."""


def serving_rates() -> Iterator[Figure]:
    """Request verdicts on one photograph, with a small detector and with a large one."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        folder = Path(name)
        photo = draw_photo(folder / "photo.jpg")
        small, large = (torch.submit(untrained, recipe, folder / recipe).result() for recipe in (SMALL, LARGE))
        yield from _small(small, photo)
        yield from _large(large, photo)


def _small(artifact: Path, photo: Path) -> Iterator[Figure]:
    with serving(artifact, workers=CORES) as service, serving_bare(artifact, workers=CORES) as bare:
        url = f"{service.url}/predict"
        rates = _compare(artifact, photo, url, bare)
        calm = fire(url, photo, seconds=SECONDS, clients=CLIENTS, rate=CALM * rates.service)
        crowded = fire(url, photo, seconds=CROWD_SECONDS, clients=CROWD, rate=TOO_MUCH * rates.service)
        after = fire(url, photo, seconds=SECONDS, clients=CLIENTS, rate=CALM * rates.service)
        held = max(worker.memory_info().rss for worker in service.workers())
        yield Figure("serve.ready_seconds", round(service.ready_seconds, 1), "s", COMMAND)
    with scoring(artifact, photo, workers=CORES) as (address, body):
        theirs = fire(address, body, seconds=SECONDS, clients=CLIENTS, kind="application/json")
    yield Figure("serve.rss_mb", round(held / 1e6), "MB", COMMAND)
    yield Figure("serve.bound_ratio", round(rates.service_ratio, 2), "x", COMMAND)
    yield Figure("serve.bare_bound_ratio", round(rates.bare_ratio, 2), "x", COMMAND)
    yield Figure("serve.vs_mlflow", round(rates.service / theirs.rate, 1), "x", COMMAND)
    yield Figure("serve.p99_over_p50", round(calm.quantile(0.99) / calm.quantile(0.5), 1), "x", COMMAND)
    yield Figure("serve.overload_p99", round(crowded.quantile(0.99) / calm.quantile(0.99), 1), "x", COMMAND)
    yield Figure("serve.overload_shed", round(100 * float((~crowded.accepted).mean()), 1), "%", COMMAND)
    yield Figure("serve.overload_recovery_seconds", _recovery(after, calm), "s", COMMAND)


def _large(artifact: Path, photo: Path) -> Iterator[Figure]:
    with serving(artifact, workers=CORES) as service, serving_bare(artifact, workers=CORES) as bare:
        url = f"{service.url}/predict"
        rates = _compare(artifact, photo, url, bare)
        alone = fire(url, photo, seconds=SECONDS, clients=1)
    yield Figure("serve.b0_224_p50_ms", round(1000 * alone.quantile(0.5), 1), "ms", COMMAND)
    yield Figure("serve.b0_224_images_per_second", round(rates.service, 1), "images/s", COMMAND)
    yield Figure("serve.b0_224_bound_ratio", round(rates.service_ratio, 2), "x", COMMAND)
    yield Figure("serve.b0_224_bare_bound_ratio", round(rates.bare_ratio, 2), "x", COMMAND)


@dataclass(frozen=True)
class _Rates:
    """Verdicts a second of the service; and rates of the service and of a bare application, relative to the loop."""

    service: float
    service_ratio: float
    bare_ratio: float


def _compare(artifact: Path, photo: Path, service: str, bare: str) -> _Rates:
    """Measure loop, service and bare application in turn, since a machine's speed varies; return medians."""
    for url in (service, bare):
        fire(url, photo, seconds=WARM_UP_SECONDS, clients=CLIENTS)
    rounds = []
    with pool(CORES) as processes:
        for _ in range(ROUNDS):
            loops = [processes.submit(_loop, artifact, photo.read_bytes()) for _ in range(CORES)]
            bound = sum(loop.result() for loop in loops)
            rounds.append(
                (bound, *(fire(url, photo, seconds=ROUND_SECONDS, clients=CLIENTS).rate for url in (service, bare)))
            )
    bounds, services, bares = np.array(rounds).T
    return _Rates(float(np.median(services)), float(np.median(services / bounds)), float(np.median(bares / bounds)))


def _recovery(after: Load, calm: Load) -> float:
    """Return the seconds until recovery: no refusal, and a median latency not above the calm p99.

    Whole seconds count. Answers after the end of sending are left out: they are late by nature.
    """
    late, second = calm.quantile(0.99), np.floor(after.at)
    disturbed = [
        each
        for each in np.unique(second[second < after.length])
        if not after.accepted[second == each].all() or np.median(after.seconds[second == each]) > late
    ]
    return float(max(disturbed, default=-1) + 1)


def _loop(artifact: Path, photo: bytes) -> float:
    """Return the images a second of a loop that decodes, preprocesses and scores on one core."""
    detector = Detector.load(artifact)
    for _ in range(20):
        judge(detector, photo)
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < ROUND_SECONDS:
        judge(detector, photo)
        done += 1
    return done / (time.perf_counter() - begin)
