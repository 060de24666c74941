"""Erases an image from each of several homes; the process for the n-th home is killed at its n-th change.

Usage: `python erase_and_die.py <home> <home> ...` prints the exit statuses of the processes as a JSON list.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from model import files
from model.dataset import erasure
from model.privacy import erasing
from model.privacy.forgetting import eraser_of
from model.settings import Settings


class NoRuns:
    """A registry without runs."""

    def runs(self) -> Iterator[object]:
        return iter(())


def main(homes: list[str]) -> None:
    print(json.dumps([ended(Path(home), change) for change, home in enumerate(homes, start=1)]))


def ended(home: Path, dies_at: int) -> int:
    child = os.fork()
    if child == 0:
        erase(home, dies_at)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def erase(home: Path, dies_at: int) -> NoReturn:
    changes = 0

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*given: object, **named: object) -> Any:
            nonlocal changes
            changes += 1
            if changes == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*given, **named)

        return instead

    files.move = dying(files.move)
    erasing.remove = erasure.remove = dying(files.remove)
    status = 1
    try:
        replace(eraser_of(Settings(home=home)), registry=NoRuns).erase(now=datetime.now(UTC))
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
