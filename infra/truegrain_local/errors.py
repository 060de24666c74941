"""LaunchError, which ends `make up`, and its explanation at the terminal."""

import sys
from pathlib import Path

from model.errors import TruegrainError


class LaunchError(TruegrainError):
    """Starting or running Truegrain on this machine failed; `log` is the file with the cause, if there is one."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


def explain(error: TruegrainError) -> None:
    """Write to stderr what failed and where to look."""
    # A task's log quotes names that strangers chose, and a terminal would obey control characters.
    told = "".join(character if character.isprintable() or character == "\n" else " " for character in str(error))
    sys.stderr.write(f"\n{told}\n")
    if isinstance(error, LaunchError) and error.log is not None:
        sys.stderr.write(f"Read {error.log}\n")
    sys.stderr.write("The programs that were started go on, so that you can look at them; `make down` stops them.\n")
