"""A DAG run is followed task by task."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from truegrain_local import airflow_api
from truegrain_local.airflow_api import AirflowApi, Task
from truegrain_local.dag_run import follow, last_line, task_log
from truegrain_local.errors import LaunchError
from truegrain_local.progress import Progress

TRAIN = Task("train", "failed", 1, 12.0)


class RecordedRun(AirflowApi):
    """A fake of Airflow's REST API: each call answers with the next recorded state of a run."""

    def __init__(self, *moments: tuple[str, list[Task]]) -> None:
        self._moments = list(moments)

    def state(self, dag: str, run: str) -> str:  # noqa: ARG002 - one run is all it knows
        return self._moments[0][0]

    def tasks(self, dag: str, run: str) -> list[Task]:  # noqa: ARG002
        return self._moments.pop(0)[1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


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


def test_the_parts_of_a_mapped_task_are_told_one_by_one(tmp_path: Path) -> None:
    parts = [Task("collect", "success", 1, 3.25, 0), Task("collect", "success", 1, 4.5, 1)]
    plan = Task("plan", "success", 1, 1.0)
    run = RecordedRun(("running", [plan, parts[0]]), ("success", [plan, *parts]))
    stream = io.StringIO()
    states = follow(run, "ingest_images", "manual", logs=tmp_path, progress=Progress(stream), check=nothing_to_report)
    assert states == {"plan": "success", "collect 1": "success", "collect 2": "success"}
    told = [line.partition("ingest_images.")[2].split() for line in stream.getvalue().splitlines()]
    assert told == [
        ["plan", "success", "1.0", "s"],
        ["collect", "1", "success", "3.2", "s"],
        ["collect", "2", "success", "4.5", "s"],
    ]


def test_of_parts_that_run_together_one_speaks_and_the_others_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    running = [Task("collect", "running", 1, None, index) for index in range(3)]
    log = task_log(tmp_path, "ingest_images", "manual", running[0])
    assert log.parent.name == "map_index=0"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"event": "part 1 of 3: 1,000 images read, 12 new", "logger": "truegrain.ingest"}))
    run = RecordedRun(("running", running), ("success", []))
    terminal = Terminal()
    follow(run, "ingest_images", "manual", logs=tmp_path, progress=Progress(terminal), check=nothing_to_report)
    assert "ingest_images.collect 1  part 1 of 3: 1,000 images read, 12 new (and 2 more)" in terminal.getvalue()


def test_a_part_that_failed_is_named_with_its_own_log(tmp_path: Path) -> None:
    failed = Task("collect", "failed", 2, 1.0, 4)
    run = RecordedRun(("failed", [Task("collect", "success", 1, 1.0, 0), failed]))
    with pytest.raises(LaunchError, match="task collect 5 of ingest_images failed") as caught:
        follow(run, "ingest_images", "manual", logs=tmp_path, progress=Progress(io.StringIO()), check=nothing_to_report)
    assert caught.value.log == tmp_path.joinpath(
        "tasks", "dag_id=ingest_images", "run_id=manual", "task_id=collect", "map_index=4", "attempt=2.log"
    )


def test_a_run_of_more_tasks_than_a_page_holds_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "PAGE", 2)
    entries = [
        {"task_id": "plan", "map_index": -1, "state": "success", "try_number": 1, "duration": 1.0, "start_date": "1"},
        *(
            {
                "task_id": "collect",
                "map_index": index,
                "state": None,
                "try_number": 0,
                "duration": None,
                "start_date": None,
            }
            for index in range(4)
        ),
    ]

    class Paged(AirflowApi):
        def __init__(self) -> None:
            self.asked = 0

        def _get(self, path: str, *, limit: int, offset: int) -> dict[str, object]:  # noqa: ARG002
            self.asked += 1
            return {"task_instances": entries[offset : offset + limit]}

    api = Paged()
    assert [task.title for task in api.tasks("ingest_images", "manual")] == [
        "plan", "collect 1", "collect 2", "collect 3", "collect 4",
    ]  # fmt: skip
    assert api.asked == 3
