"""Measures the prediction log: lost rows, memory, and its cost for a verdict."""

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
import requests
from sqlalchemy import func, select

from model.monitoring.database import open_database
from model.monitoring.predictions import PREDICTIONS, Prediction
from service.metrics.service import Metrics
from service.records.prediction_log import PredictionLog
from truegrain_bench.measurements.serving import CLIENTS, CORES, LARGE, SMALL, WARM_UP_SECONDS
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import draw_photo, untrained
from truegrain_rig.bare_service import APP
from truegrain_rig.hey import fire
from truegrain_rig.process import pool
from truegrain_rig.served import Service, serving

COMMAND = "make bench-full"
ROWS = 1_000_000
MOST_AHEAD = 20_000
"""Most predictions that may wait for the database; this loop is faster than any service."""

SETTLED = 0.2
"""Share of the predictions before the measurement of memory growth begins."""

ASKED = 500
"""Number of requests of GET /health."""

ROUNDS, SECONDS = 30, 1.0
"""Many short rounds, since the machine's speed changes within seconds; each round asks both services twice."""

FEW = 4
"""Clients: enough to keep both workers busy, too few for a refusal."""

EMBEDDING_BYTES = 64


def logged_predictions() -> Iterator[Figure]:
    """Write a million predictions through the log, then time GET /health of a service with this log."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        folder = Path(name)
        url = f"sqlite:///{folder / 'predictions.db'}"
        with pool(CORES) as workers:
            shares = [workers.submit(_record, url, folder, ROWS // CORES) for _ in range(CORES)]
            grown = max(share.result() for share in shares)
        kept = _count(url)
        artifact = torch.submit(untrained, SMALL, folder / "artifact").result()
        with serving(artifact, workers=CORES, predictions=url) as service:
            requests.post(f"{service.url}/predict", data=draw_photo(folder / "photo.jpg").read_bytes(), timeout=30)
            slowest = float(np.quantile([_time(f"{service.url}/health") for _ in range(ASKED)], 0.99))
    yield Figure("log.rows", kept, "rows", COMMAND)
    yield Figure("log.lost", ROWS - kept, "rows", COMMAND)
    yield Figure("log.memory_mb", round(grown / 1e6, 1), "MB", COMMAND)
    yield Figure("log.health_ms", round(1000 * slowest, 1), "ms", COMMAND)


def log_overhead() -> Iterator[Figure]:
    """Compare the cost of verdicts with and without all that is recorded, for a small and a large detector."""
    for name, recipe in (("log.overhead", SMALL), ("log.b0_224_overhead", LARGE)):
        yield Figure(name, round(100 * _overhead(recipe), 1), "%", COMMAND)


def _overhead(recipe: str) -> float:
    """Return the share of all that is recorded in the cost of a verdict; both services are asked in turn.

    The cost is CPU time of the workers, since rates of verdicts vary more from round to round.
    """
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        folder = Path(name)
        photo = draw_photo(folder / "photo.jpg")
        artifact = torch.submit(untrained, recipe, folder / "artifact").result()
        with serving(artifact, workers=CORES) as whole, serving(artifact, workers=CORES, app=APP) as bare:
            for service in (whole, bare):
                fire(f"{service.url}/predict", photo, seconds=WARM_UP_SECONDS, clients=CLIENTS)
            # The order is mirrored, so that a machine that slows down favours no service.
            costs = np.array([[_cost(service, photo) for service in (whole, bare, bare, whole)] for _ in range(ROUNDS)])
    return 1 - float(np.median(costs[:, [1, 2]] / costs[:, [0, 3]]))


def _cost(service: Service, photo: Path) -> float:
    """Return the CPU seconds that the workers spend on a verdict."""
    begin = service.worker_seconds()
    verdicts = fire(f"{service.url}/predict", photo, seconds=SECONDS, clients=FEW).accepted.sum()
    return float((service.worker_seconds() - begin) / verdicts)


def _record(url: str, home: Path, count: int) -> int:
    """Record so many predictions as one worker does; return the memory growth in bytes after the share SETTLED."""
    log, process = PredictionLog(url, Metrics(), days=30, home=home), psutil.Process()
    log.start()
    held = []
    for number in range(count):
        log.record(_draw_prediction(number))
        if number % 1000 == 0:
            held.append(process.memory_info().rss)
            while log.status().waiting > MOST_AHEAD:
                time.sleep(0.01)
    while log.status().waiting:
        time.sleep(0.01)
    log.stop()
    settled = round(SETTLED * len(held))
    return int(max(held[settled:]) - held[settled])


def _draw_prediction(number: int) -> Prediction:
    probability = number % 1000 / 1000
    return Prediction(
        id=uuid4().hex,
        at=datetime.now(UTC),
        model_version="1",
        image_sha256=os.urandom(32).hex(),
        label="ai" if probability >= 0.5 else "real",
        probability=probability,
        decision="ai" if probability >= 0.5 else "real",
        width=1600,
        height=1200,
        format="JPEG",
        client="bench",
        bytes=400_000 + number,
        jpeg_quality=90,
        decode_ms=20.0,
        inference_ms=5.0,
        embedding=os.urandom(EMBEDDING_BYTES),
    )


def _count(url: str) -> int:
    engine = open_database(url)
    with engine.connect() as connection:
        found = connection.execute(select(func.count()).select_from(PREDICTIONS)).scalar_one()
    engine.dispose()
    return int(found)


def _time(url: str) -> float:
    begin = time.perf_counter()
    requests.get(url, timeout=30).raise_for_status()
    return time.perf_counter() - begin
