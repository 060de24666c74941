"""Measures the service's rate beside a bare loop and bare servers, and its latency in calm times and under overload."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.detector import Detector
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import draw_phone_photo, draw_photo, judge, untrained
from truegrain_rig.bare_app import SERVERS, serving_bare
from truegrain_rig.hey import Load, fire
from truegrain_rig.mlflow_scoring import scoring
from truegrain_rig.process import pool
from truegrain_rig.served import serving
from truegrain_rig.wrk import press

COMMAND = "make bench"
SMALL, LARGE = "quick", "production"
"""Recipes: ResNet-10 at 64 pixels, EfficientNet-B0 at 224."""

CORES = 2
CLIENTS = 8
SECONDS = 12.0
WARM_UP_SECONDS = 12
"""As long as follower and monitor take to start."""

CROWD_SECONDS = 30.0
"""Long enough that the first quarter of a second, before the service detects the overload, is less than 1 %."""

ROUNDS, ROUND_SECONDS = 5, 4
"""Servers are asked in turn, since a machine's speed changes within seconds."""

PHONE_CLIENTS, PHONE_SECONDS = 4, 6

CALM, TOO_MUCH = 0.7, 3.0
"""Loads at which latency is measured, as shares of the capacity."""

CROWD = 64
"""Clients of the overload; each waits for its answer before it sends another request."""

OURS: Final = "ours"
FLASK: Final = "flask-gthread"
LOOP: Final = "loop"

Rates = Mapping[str, NDArray[np.float64]]
"""Verdicts a second of each server in each round [rounds]."""


def serving_rates() -> Iterator[Figure]:
    """Request verdicts on a small photograph and on one of a telephone, with a small detector and with a large one."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        folder = Path(name)
        photo, phone = draw_photo(folder / "photo.jpg"), draw_phone_photo(folder / "phone.jpg")
        small, large = (torch.submit(untrained, recipe, folder / recipe).result() for recipe in (SMALL, LARGE))
        yield from _small(small, photo, phone)
        yield from _large(large, photo)


def _small(artifact: Path, photo: Path, phone: Path) -> Iterator[Figure]:
    with ExitStack() as servers:
        service = servers.enter_context(serving(artifact, workers=CORES))
        url = f"{service.url}/predict"
        urls = {name: servers.enter_context(serving_bare(artifact, workers=CORES, server=name)) for name in SERVERS}
        urls |= {OURS: url}
        rates = _compare(urls, photo, clients=CLIENTS, seconds=ROUND_SECONDS, loop=artifact)
        phones = {name: urls[name] for name in (OURS, FLASK)}
        phone_rates = _compare(phones, phone, clients=PHONE_CLIENTS, seconds=PHONE_SECONDS)
        alone = fire(url, phone, seconds=SECONDS, clients=1)
        capacity = float(np.median(rates[OURS]))
        calm = fire(url, photo, seconds=SECONDS, clients=CLIENTS, rate=CALM * capacity)
        crowded = fire(url, photo, seconds=CROWD_SECONDS, clients=CROWD, rate=TOO_MUCH * capacity)
        after = fire(url, photo, seconds=SECONDS, clients=CLIENTS, rate=CALM * capacity)
        held = max(worker.memory_info().rss for worker in service.workers())
        yield Figure("serve.ready_seconds", round(service.ready_seconds, 1), "s", COMMAND)
    with scoring(artifact, photo, workers=CORES) as (address, body):
        theirs = fire(address, body, seconds=SECONDS, clients=CLIENTS, kind="application/json")
    yield Figure("serve.rss_mb", round(held / 1e6), "MB", COMMAND)
    yield Figure("serve.bound_ratio", _ratio(rates, OURS, LOOP), "x", COMMAND)
    yield Figure("serve.bare_bound_ratio", _ratio(rates, FLASK, LOOP), "x", COMMAND)
    yield Figure("serve.vs_flask", _ratio(rates, OURS, FLASK), "x", COMMAND)
    yield Figure("serve.vs_flask_sync", _ratio(rates, OURS, "flask-sync"), "x", COMMAND)
    yield Figure("serve.vs_fastapi", _ratio(rates, OURS, "fastapi"), "x", COMMAND)
    yield Figure("serve.vs_mlflow", round(capacity / theirs.rate, 1), "x", COMMAND)
    yield Figure("serve.phone_vs_flask", _ratio(phone_rates, OURS, FLASK), "x", COMMAND)
    yield Figure("serve.phone_p50_ms", round(1000 * alone.quantile(0.5), 1), "ms", COMMAND)
    yield Figure("serve.p99_over_p50", round(calm.quantile(0.99) / calm.quantile(0.5), 1), "x", COMMAND)
    yield Figure("serve.overload_p99", round(crowded.quantile(0.99) / calm.quantile(0.99), 1), "x", COMMAND)
    yield Figure("serve.overload_shed", round(100 * float((~crowded.accepted).mean()), 1), "%", COMMAND)
    yield Figure("serve.overload_recovery_seconds", _recovery(after, calm), "s", COMMAND)


def _large(artifact: Path, photo: Path) -> Iterator[Figure]:
    with serving(artifact, workers=CORES) as service, serving_bare(artifact, workers=CORES) as bare:
        url = f"{service.url}/predict"
        rates = _compare({OURS: url, FLASK: bare}, photo, clients=CLIENTS, seconds=ROUND_SECONDS, loop=artifact)
        alone = fire(url, photo, seconds=SECONDS, clients=1)
    yield Figure("serve.b0_224_p50_ms", round(1000 * alone.quantile(0.5), 1), "ms", COMMAND)
    yield Figure("serve.b0_224_images_per_second", round(float(np.median(rates[OURS])), 1), "images/s", COMMAND)
    yield Figure("serve.b0_224_bound_ratio", _ratio(rates, OURS, LOOP), "x", COMMAND)
    yield Figure("serve.b0_224_bare_bound_ratio", _ratio(rates, FLASK, LOOP), "x", COMMAND)


def _compare(urls: Mapping[str, str], photo: Path, *, clients: int, seconds: int, loop: Path | None = None) -> Rates:
    """Ask the servers, and on all cores a bare loop over the artifact `loop`, in turn; return the rates.

    Raises RuntimeError if a server refuses or loses a request: its rate would be one of smaller requests.
    """
    for url in urls.values():
        press(url, photo, seconds=WARM_UP_SECONDS // 2, clients=clients)
    found: dict[str, list[float]] = {name: [] for name in (*urls, LOOP)}
    with pool(CORES) as processes:
        for _ in range(ROUNDS):
            if loop is not None:
                loops = [processes.submit(_loop, loop, photo.read_bytes()) for _ in range(CORES)]
                found[LOOP].append(sum(each.result() for each in loops))
            for name, url in urls.items():
                count = press(url, photo, seconds=seconds, clients=clients)
                if count.refused or count.lost:
                    raise RuntimeError(f"{name} refused {count.refused} requests and lost {count.lost}")
                found[name].append(count.rate)
    return {name: np.array(rates) for name, rates in found.items()}


def _ratio(rates: Rates, server: str, other: str) -> float:
    """Return the median over all rounds of one server's rate relative to the other's in the same round."""
    return round(float(np.median(rates[server] / rates[other])), 2)


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
