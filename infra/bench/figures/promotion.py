"""Whether production stays one version with an unbroken history while promoters race and are killed."""

import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from figures.mlflow_server import running_mlflow
from figures.promoters import KILLED, Promoter, add_version, violations
from figures.results import Figure
from model.registry import Registry
from model.registry import promotion as code

COMMAND = "make bench-full"
ROUNDS = 1_000
KILLS = 200
LANES = 4
"""Models raced for at the same time: they share the server and nothing else."""
VERSIONS = 4
ROUNDS_OF_A_MODEL = 50
PROCESSES_EVERY = 25
"""In one of so many rounds the promoters are processes; in the others threads, which cost less, with their own locks."""


@dataclass(frozen=True)
class Tally:
    """What was done and what was wrong afterwards."""

    done: int
    wrong: int


def promotions() -> Iterator[Figure]:
    """Race and kill promoters, and look after each round, and each kill with the run after it, what is wrong."""
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder, running_mlflow(Path(folder)) as address:
        races = _in_lanes(address, Path(folder), ROUNDS // ROUNDS_OF_A_MODEL, _race)
        with _no_second_look():
            kills = _in_lanes(address, Path(folder), LANES, _kill)
    yield Figure("promotion.rounds", sum(tally.done for tally in races), "rounds", COMMAND)
    yield Figure("promotion.kills", sum(tally.done for tally in kills), "kills", COMMAND)
    yield Figure("promotion.violations", sum(tally.wrong for tally in races + kills), "violations", COMMAND)
