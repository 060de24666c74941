"""LaunchError: what stops `make up`, told to the person who ran it."""

from pathlib import Path

from model.errors import TruegrainError


class LaunchError(TruegrainError):
    """Starting or running Truegrain on this machine failed; `log` is the file that tells why, when there is one."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
