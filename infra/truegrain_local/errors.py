"""LaunchError: what stops `make up`, told to the person who ran it."""

import sys
from pathlib import Path

from model.errors import TruegrainError


class LaunchError(TruegrainError):
    """Starting or running Truegrain on this machine failed; `log` is the file that tells why, when there is one."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


def explain(error: TruegrainError) -> None:
    """Tell the person at the terminal what failed and where to look."""
    sys.stderr.write(f"\n{error}\n")
    if isinstance(error, LaunchError) and error.log is not None:
        sys.stderr.write(f"Read {error.log}\n")
    sys.stderr.write("What runs goes on, so that it can be looked at; `make down` stops it.\n")
