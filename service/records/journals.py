"""Reads predictions that an earlier release of the service left in files of JSON lines, one folder a worker."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from model.monitoring.predictions import Prediction
from service.records.outbox import decode


def read_journals(root: Path, most: int) -> Iterator[list[Prediction | None]]:
    """Yield the predictions in all folders of `root`, at most `most` at once; None stands for an unreadable one.

    A file is deleted after its last predictions were taken. The folder of a living worker is not read.
    """
    for folder in sorted(root.glob("*/")):
        with suppress(BlockingIOError, FileNotFoundError), _locked(folder):  # another worker was faster
            for path in sorted(folder.glob("*.jsonl")):
                with path.open("rb") as file:
                    while lines := list(islice(file, most)):
                        yield [decode(line) for line in lines]
                path.unlink()
            folder.rmdir()
    with suppress(OSError):  # `root` still holds a folder, or does not exist
        root.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; raises BlockingIOError while its worker, or one that reads it, holds the lock."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
