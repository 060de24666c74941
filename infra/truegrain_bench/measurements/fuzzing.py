"""Measures how many fuzzed inputs the parsers withstand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from truegrain_bench.results.results import Figure
from truegrain_fuzz.running import fuzz
from truegrain_fuzz.targets import TARGETS

COMMAND: Final = "make bench-full"
HOME: Final = Path(".local/fuzz")
SECONDS: Final = 30
"""Duration for each target; `make fuzz` installs what fuzzing needs."""


def fuzzed_parsers() -> Iterator[Figure]:
    """Fuzz every target; count the inputs tried, and the targets that an input broke."""
    outcomes = [fuzz(name, HOME, seconds=SECONDS) for name in TARGETS]
    yield Figure("fuzz.executions", sum(outcome.executions for outcome in outcomes), "inputs", COMMAND)
    yield Figure("fuzz.crashes", sum(outcome.broken is not None for outcome in outcomes), "targets", COMMAND)
