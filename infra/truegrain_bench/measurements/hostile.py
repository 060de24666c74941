"""Measures how the service withstands hostile requests."""

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Event, Thread
from typing import Final

import numpy as np
import psutil
import requests

from truegrain_bench.measurements.serving import SMALL
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import untrained
from truegrain_rig.heavy_requests import heavy_requests
from truegrain_rig.hostile_files import Attack, attacks
from truegrain_rig.process import pool
from truegrain_rig.served import Service, serving

COMMAND = "make bench-full"
MUTATED: Final = 48_000
CLIENTS: Final = 4
MOST_MEMORY: Final = 700e6
"""Most bytes of memory that a worker may hold."""
PROBE_SECONDS: Final = 0.05
"""Seconds between two probes of the workers' memory and of /healthz."""

PATIENCE: Final = 60.0
"""Seconds to wait for an answer."""

PROBLEM: Final = "application/problem+json"
OK, ERROR = 200, 500


def hostile_requests() -> Iterator[Figure]:
    """Send every attack; count attacks with a server error or no answer, lost workers, and excess memory."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        artifact = torch.submit(untrained, SMALL, Path(name)).result()
        with serving(artifact) as service, _probing(service) as probe:
            workers = service.workers()
            outcomes = list(_attack(service))
            lost = [worker for worker in workers if not worker.is_running()]
    failures = outcomes.count(False) + len(lost) + (probe.peak_bytes > MOST_MEMORY)
    yield Figure("hostile.requests", len(outcomes), "requests", COMMAND)
    yield Figure("hostile.failures", failures, "failures", COMMAND)
    yield Figure("hostile.worker_peak_mb", round(probe.peak_bytes / 1e6), "MB", COMMAND)
    yield Figure("hostile.healthz_p99_ms", round(1e3 * float(np.quantile(probe.waits, 0.99)), 1), "ms", COMMAND)


def _attack(service: Service) -> Iterator[bool]:
    """Yield for each attack whether the answer was a verdict or a problem of the sender."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        every = chain(attacks(mutated=MUTATED), heavy_requests())
        yield from clients.map(lambda attack: bears(service.url, attack), every)


def bears(url: str, attack: Attack) -> bool:
    """Send an attack; return whether the answer is a verdict or a problem of the sender (4xx)."""
    headers = {"Content-Type": attack.content_type}
    try:
        answer = requests.post(f"{url}{attack.path}", data=attack.body, headers=headers, timeout=PATIENCE)
    except requests.RequestException as error:
        return _tell(attack, repr(error))
    bears_it = answer.status_code == OK or (answer.status_code < ERROR and answer.headers["Content-Type"] == PROBLEM)
    return bears_it or _tell(attack, f"answered {answer.status_code}: {answer.text[:200]}")


def _tell(attack: Attack, what: str) -> bool:
    """Write the failed attack to stderr; return False."""
    sys.stderr.write(f"{attack.name}, {attack.path}: {what}\n")
    return False


class _Probe:
    """Observations during the attacks: the seconds that /healthz took, and the most bytes that a worker held."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.peak_bytes = 0

    def look(self, service: Service, done: Event) -> None:
        workers = service.workers()
        while not done.wait(PROBE_SECONDS):
            begin = time.perf_counter()
            self.waits.append(time.perf_counter() - begin if _answers(service) else PATIENCE)
            self.peak_bytes = max(self.peak_bytes, *(_held(worker) for worker in workers))


@contextmanager
def _probing(service: Service) -> Iterator[_Probe]:
    probe, done = _Probe(), Event()
    thread = Thread(target=probe.look, args=(service, done))
    thread.start()
    try:
        yield probe
    finally:
        done.set()
        thread.join()


def _answers(service: Service) -> bool:
    try:
        return requests.get(f"{service.url}/healthz", timeout=PATIENCE).ok
    except requests.RequestException:
        return False


def _held(worker: psutil.Process) -> int:
    return int(worker.memory_info().rss) if worker.is_running() else 0
