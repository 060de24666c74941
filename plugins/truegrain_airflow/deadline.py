"""Ends the process of a task whose detector never ends, after Airflow's own time limit has passed."""

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from truegrain_airflow.retries import TIME_LIMIT

GRACE: Final = timedelta(minutes=5)
"""Time between Airflow's own time limit, which ends Python code, and the end of the process."""

_STDERR: Final = 2


@contextmanager
def ended_late(after: timedelta = TIME_LIMIT + GRACE) -> Iterator[None]:
    """End this process if the block takes longer than `after`; the task's log then shows where the block was.

    Airflow's time limit is an exception. No exception reaches a detector that computes in onnxruntime. Without this
    deadline the task would hang, and with it every later training.
    """
    faulthandler.dump_traceback_later(after.total_seconds(), exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
