"""Measures whether production stays one version with an unbroken history while promoters race and are killed."""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from model.registry import PRODUCTION, Registry
from model.registry.promotion import promote
from model.registry.state import look
from truegrain_bench.results.results import Figure
from truegrain_rig.mlflow_server import running_mlflow
from truegrain_rig.promoters import KILLED, PATIENCE, Promoter, add_version, violations

COMMAND = "make bench-full"
ROUNDS = 50
RACED_MODELS = 20
RACERS = (2, 2, 2, 3, 3, 4, 6, 8)
"""Promoters in a round, drawn at random from these numbers."""
PROCESSES_EVERY = 25
"""One round of so many uses a process for each promoter; the other rounds use threads, which cost a hundredth."""
KILLS = 50
KILLED_MODELS = 4
LANES = 4
"""Models that are changed at the same time; they share only the server."""
VERSIONS = tuple("1234")


@dataclass(frozen=True)
class Tally:
    """Number of rounds or kills on a model, and number of faults found."""

    done: int
    wrong: int


class Ring:
    """A registered model with versions, which promoters change at the same time."""

    def __init__(self, address: str, folder: Path, name: str) -> None:
        self.random = random.Random(name)  # noqa: S311 - which versions race is no secret
        self._address, self._name, self._lock = address, name, folder / name
        self.registry = Registry(address, model_name=name, lock=self._lock, experiment="promoters")
        for _ in VERSIONS:
            add_version(self.registry)
        for version in VERSIONS[:2]:
            promote(self.registry, version, reason="a beginning")

    def promoter(self, version: str, *, dies_at: int | None = None) -> Promoter:
        """Return a promoter of `version`; an empty `version` rolls back."""
        return Promoter(self._address, self._name, self._lock, version, dies_at)

    def anyone(self) -> Promoter:
        """Return a promoter of a random version, or one that rolls back."""
        return self.promoter(self.random.choice(["", *VERSIONS]))

    def wrong(self) -> int:
        """Return the number of faults now; write the faults to stderr."""
        found = violations(self.registry)
        if found:
            last = look(self.registry).history.changes[-1]
            sys.stderr.write(f"{self._name}: {', '.join(found)}; the last change: {last}\n")
        return len(found)


def racing_and_killed_promoters() -> Iterator[Figure]:
    """Let promoters race, kill others at every step, and count faults after each round and each kill."""
    with (
        patch.dict(os.environ, PATIENCE),
        tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder,
        running_mlflow(Path(folder), workers=2) as address,
        ThreadPoolExecutor(LANES) as lanes,
    ):
        raced = list(lanes.map(lambda n: race(Ring(address, Path(folder), f"raced-{n}")), range(RACED_MODELS)))
        killed = list(lanes.map(lambda n: kill(Ring(address, Path(folder), f"killed-{n}")), range(KILLED_MODELS)))
    yield Figure("promotion.rounds", sum(tally.done for tally in raced), "rounds", COMMAND)
    yield Figure("promotion.kills", sum(tally.done for tally in killed), "kills", COMMAND)
    yield Figure("promotion.violations", sum(tally.wrong for tally in raced + killed), "violations", COMMAND)


def race(ring: Ring, rounds: int = ROUNDS) -> Tally:
    """Let 2 to 8 promoters at a time change production, each with its own client and its own handle of the lock."""
    wrong = 0
    for number in range(rounds):
        racers = [ring.anyone() for _ in range(ring.random.choice(RACERS))]
        if number % PROCESSES_EVERY == 0:
            ends = [racer.start() for racer in racers]
            wrong += sum(wait() != 0 for wait in ends)
        else:
            with ThreadPoolExecutor(len(racers)) as threads:
                list(threads.map(Promoter.act, racers))
        wrong += ring.wrong()
    return Tally(rounds, wrong)


def kill(ring: Ring, kills: int = KILLS) -> Tally:
    """Kill a change before its first call of MLflow, the next before its second, and so on.

    After each kill another promoter makes a change. Once a change ends before it is killed, all its calls were tried:
    the next change is killed at its first call again. Promotions and rollbacks take turns.
    """
    step = done = wrong = 0
    back = False
    while done < kills:
        production = ring.registry.resolve(PRODUCTION)
        other = ring.random.choice([v for v in VERSIONS if production is None or v != production.version])
        ended = ring.promoter("" if back else other, dies_at=step).start()()
        wrong += ended not in (0, KILLED)
        ring.anyone().act()
        wrong += ring.wrong()
        if ended == KILLED:
            step, done = step + 1, done + 1
        else:
            step, back = 0, not back
    return Tally(done, wrong)
