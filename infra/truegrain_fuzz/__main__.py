"""`python -m truegrain_fuzz`: fuzzes every target, or the named targets, and prints the findings."""

import argparse
import sys
from pathlib import Path

from truegrain_fuzz.running import Outcome, fuzz
from truegrain_fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the targets one after the other; end with status 1 if a target broke."""
    parser = argparse.ArgumentParser(prog="python -m truegrain_fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="seconds for all targets together [60]")
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".local/fuzz"),
        help="folder for the corpus and for inputs that broke a target",
    )
    parser.add_argument("names", nargs="*", metavar="target", help=f"fuzz only these of: {', '.join(TARGETS)}")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(TARGETS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(TARGETS)}")
    names = arguments.names or list(TARGETS)
    outcomes = [fuzz(name, arguments.home, seconds=max(1, arguments.seconds // len(names))) for name in names]
    sys.stdout.write("".join(map(_line, outcomes)))
    sys.exit(any(outcome.broken for outcome in outcomes))


def _line(outcome: Outcome) -> str:
    found = f"BROKEN: {outcome.reason}; the input is {outcome.broken}" if outcome.broken else "nothing found"
    return f"{outcome.target:8}{outcome.executions:12,} executions, {outcome.peak_mb:6,} MB at most, {found}\n"


if __name__ == "__main__":
    main()
