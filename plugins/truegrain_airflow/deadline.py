"""The last deadline of a task that runs detectors: whoever may write to MLflow may have made one that never ends."""

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from truegrain_airflow.retries import TIME_LIMIT

GRACE: Final = timedelta(minutes=5)
"""From Airflow's own time limit, which ends all that Python computes."""

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
