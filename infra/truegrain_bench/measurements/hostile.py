"""What the service makes of requests that mean harm."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psutil
import requests

from truegrain_bench.measurements.serving import SMALL
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import untrained
from truegrain_rig.hostile_files import Attack, attacks
from truegrain_rig.process import pool
from truegrain_rig.served import Service, serving

COMMAND = "make bench-full"
MUTATED: Final = 20_000
CLIENTS: Final = 4
MOST_MEMORY: Final = 600e6
"""Bytes that a worker may hold afterwards; while it decodes 50 megapixels, which it accepts, it takes 150 MB more."""

PROBLEM: Final = "application/problem+json"
OK, ERROR = 200, 500


def hostile_requests() -> Iterator[Figure]:
    """Send every attack; count those that were answered by an error of the service, or by none, or cost a worker."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        artifact = torch.submit(untrained, SMALL, Path(name)).result()
        with serving(artifact) as service:
            workers = service.workers()
            outcomes = list(_attack(service))
            lost = [worker for worker in workers if not worker.is_running()]
            fat = [worker for worker in workers if worker not in lost and _held(worker) > MOST_MEMORY]
    yield Figure("hostile.requests", len(outcomes), "requests", COMMAND)
    yield Figure("hostile.failures", outcomes.count(False) + len(lost) + len(fat), "failures", COMMAND)


def _attack(service: Service) -> Iterator[bool]:
    """Tell of each attack whether the answer was what it should be."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        yield from clients.map(lambda attack: bears(service.url, attack), attacks(mutated=MUTATED))


def bears(url: str, attack: Attack) -> bool:
    """Send an attack; tell whether the answer is a verdict, or a problem that lies with the sender."""
    headers = {"Content-Type": attack.content_type}
    try:
        answer = requests.post(f"{url}/predict", data=attack.body, headers=headers, timeout=60)
    except requests.RequestException:
        return False
    return answer.status_code == OK or (answer.status_code < ERROR and answer.headers["Content-Type"] == PROBLEM)


def _held(worker: psutil.Process) -> float:
    return float(worker.memory_info().rss)
