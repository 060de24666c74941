"""A DAG run is followed task by task."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.airflow_api import AirflowApi, Task
from launcher.errors import LaunchError
from launcher.follow import follow, last_line, task_log
from launcher.progress import Progress

TRAIN = Task("train", "failed", 1, 12.0)


class RecordedRun(AirflowApi):
    """Answers with one recorded moment of a run after the other, the way Airflow's REST API would."""

    def __init__(self, *moments: tuple[str, list[Task]]) -> None:
        self._moments = list(moments)

    def state(self, dag: str, run: str) -> str:  # noqa: ARG002 - one run is all it knows
        return self._moments[0][0]

    def tasks(self, dag: str, run: str) -> list[Task]:  # noqa: ARG002
        return self._moments.pop(0)[1]


def nothing_to_report() -> None:
    """Every program runs."""


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[..., Path]:
    def write(*entries: dict[str, object] | str) -> Path:
        log = task_log(tmp_path, "retrain_detector", "manual", TRAIN)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries))
        return log

    return write


def test_the_last_line_of_a_task_is_what_the_task_said_not_what_airflow_says(write_log: Callable[..., Path]) -> None:
    log = write_log(
        {"event": "epoch 3", "logger": "truegrain.retrain"},
        {"event": "Pushing xcom", "logger": "task"},
        '{"event": "half a li',
    )
    assert last_line(log) == "epoch 3"


def test_a_task_without_a_log_has_said_nothing(tmp_path: Path) -> None:
    assert last_line(tmp_path / "attempt=1.log") == ""


def test_every_task_is_told_once_and_its_state_returned(tmp_path: Path) -> None:
    ended = [Task("collect", "success", 1, 3.25), Task("publish", "skipped", 1, None)]
    run = RecordedRun(("running", ended[:1]), ("success", ended))
    stream = io.StringIO()
    states = follow(run, "ingest_images", "manual", logs=tmp_path, progress=Progress(stream), check=nothing_to_report)
    assert states == {"collect": "success", "publish": "skipped"}
    assert stream.getvalue().count("collect") == 1


def test_a_failed_task_is_named_with_its_error_and_its_log(tmp_path: Path, write_log: Callable[..., Path]) -> None:
    log = write_log({"event": "Task failed", "error_detail": [{"exc_type": "TrainingError", "exc_value": "no images"}]})
    run = RecordedRun(("failed", [TRAIN, Task("evaluate", "upstream_failed", 0, None)]))
    with pytest.raises(LaunchError, match="task train of retrain_detector failed: TrainingError: no images") as caught:
        follow(
            run, "retrain_detector", "manual", logs=tmp_path, progress=Progress(io.StringIO()), check=nothing_to_report
        )
    assert caught.value.log == log


def test_a_run_is_given_up_when_airflow_has_ended(tmp_path: Path) -> None:
    def report() -> None:
        raise LaunchError("airflow-scheduler ended by itself")

    run = RecordedRun(("running", []))
    with pytest.raises(LaunchError, match="airflow-scheduler"):
        follow(run, "ingest_images", "manual", logs=tmp_path, progress=Progress(io.StringIO()), check=report)
