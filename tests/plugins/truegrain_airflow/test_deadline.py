"""A detector that never ends does not hold a task for ever, though no exception reaches it."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from support.hostile_detectors import make_endless
from truegrain_airflow.deadline import ended_late

TASK = """
import sys
from datetime import timedelta
from pathlib import Path
from model.detectors.detector import Detector
from truegrain_airflow.deadline import ended_late

@ended_late(timedelta(seconds=3))
def evaluate():
    Detector.load(Path(sys.argv[1]))

evaluate()
"""


def test_a_task_whose_detector_never_ends_is_ended_and_says_where_it_was(tiny_artifact: Callable[..., Path]) -> None:
    endless = make_endless(tiny_artifact(9.0))
    ended = subprocess.run(
        [sys.executable, "-c", TASK, str(endless)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "Timeout (0:00:03)!" in ended.stderr
    assert "detector.py" in ended.stderr


def test_a_task_may_be_repeated_and_returns_what_it_returns() -> None:
    @ended_late(timedelta(seconds=60))
    def answer(number: int) -> int:
        return number

    assert [answer(1), answer(2)] == [1, 2]
