"""`python -m truegrain_mutants`: tries mutants of the code of judgement, and names those that no test notices.

`[tool.mutmut]` in pyproject.toml names the modules, and the tests that are fast enough.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from truegrain_mutants.report import describe, read_results, share_killed

_MUTMUT: Final = Path(sys.executable).with_name("mutmut")
_FOLDER: Final = Path("mutants")
"""Where mutmut works, and keeps what it found."""


def main() -> None:
    """Try the mutants; end with status 1 if the tests kill too few."""
    parser = argparse.ArgumentParser(prog="python -m truegrain_mutants", description=__doc__)
    parser.add_argument("--digits", default="37", help="try mutants whose number ends in one of these digits [37]")
    parser.add_argument("--least", type=float, default=0.85, help="share of the mutants that must be killed [0.85]")
    parser.add_argument("modules", nargs="*", metavar="module", help="try only mutants of these, as in model.metrics")
    arguments = parser.parse_args()
    if not arguments.digits.isdecimal():
        parser.error(f"--digits={arguments.digits}: name digits, as in 37; 0123456789 tries every mutant")
    results = _try(arguments.digits, arguments.modules)
    try:
        sys.stdout.write(f"{describe(results)}\n")
    except ValueError as error:
        sys.exit(str(error))
    if share_killed(results) < arguments.least:
        sys.exit(f"fewer than {arguments.least:.0%} were killed: write tests that notice the survivors")


def _try(digits: str, modules: Sequence[str]) -> dict[str, str]:
    """Return what became of each mutant, by its name."""
    sys.stdout.write(f"Trying the mutants whose number ends in one of {digits}. A fifth of them takes 20 minutes.\n")
    sys.stdout.flush()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    wanted = [f"{module}*{digit}" for module in modules or [""] for digit in digits]
    _run("run", *wanted)
    return read_results(_run("results", "--all", "true"))


def _run(*arguments: str) -> str:
    ended = subprocess.run([_MUTMUT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode:
        sys.exit(f"mutmut {' '.join(arguments)} ended with status {ended.returncode}:\n{ended.stdout[-4000:]}")
    return ended.stdout


if __name__ == "__main__":
    main()
