"""Measures wrong answers while one detector replaces another under load."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from model.detectors.detector import Detector
from truegrain_bench.measurements.serving import SMALL
from truegrain_bench.results.results import Figure
from truegrain_rig.artifacts import draw_photo, judge, untrained
from truegrain_rig.busy_clients import asking
from truegrain_rig.process import pool
from truegrain_rig.served import point_at, serving

COMMAND = "make bench"
SWAPS = 100
CLIENTS = 4
PATIENCE = 30.0
OK = 200
CLOSE = 1e-6


@dataclass
class Answers:
    """What the clients got: `failures` (no verdict, or a mix of two versions) and the `last` version."""

    expected: dict[str, float]
    failures: int = 0
    last: str = ""

    def take(self, answer: requests.Response) -> None:
        """Compare an answer with the probability that its version gives the photograph."""
        if answer.status_code != OK:
            self.failures += 1
            return
        verdict = answer.json()
        self.last = verdict["model"]["version"]
        self.failures += abs(verdict["probability"] - self.expected[self.last]) > CLOSE


def swapping() -> Iterator[Figure]:
    """Replace one detector by another SWAPS times while clients send requests."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as name, pool(1) as torch:
        folder = Path(name)
        photo = draw_photo(folder / "photo.jpg").read_bytes()
        versions = {
            str(number): torch.submit(untrained, SMALL, folder / str(number), seed=number).result() for number in (1, 2)
        }
        answers = Answers({version: judge(Detector.load(folder), photo) for version, folder in versions.items()})
        with serving(versions["1"]) as service:

            def ask() -> None:
                answers.take(requests.post(f"{service.url}/predict", data=photo, timeout=30))

            with asking(ask, clients=CLIENTS):
                for swap in range(SWAPS):
                    version = str(2 - swap % 2)
                    point_at(service.home, versions[version], version=version)
                    _await(answers, version)
    yield Figure("serve.swaps", SWAPS, "swaps", COMMAND)
    yield Figure("serve.swap_failures", answers.failures, "answers", COMMAND)


def _await(answers: Answers, version: str) -> None:
    end = time.monotonic() + PATIENCE
    while answers.last != version:
        if time.monotonic() > end:
            raise RuntimeError(f"version {version} was not served within {PATIENCE:.0f} s")
        time.sleep(0.05)
