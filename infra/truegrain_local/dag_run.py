"""Follows a DAG run task by task, and shows what its tasks print."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from truegrain_local.airflow_api import ENDED, AirflowApi, Task
from truegrain_local.errors import LaunchError
from truegrain_local.progress import Progress

STARTED = ("running", "success", "failed", "skipped", "up_for_retry", "awaiting_input")
PRINTED_BY_TASK = ("task.stdout", "task.stderr", "truegrain")
"""Loggers whose lines are shown to people; all other loggers report how Airflow runs the task."""


def follow(
    api: AirflowApi, dag: str, run: str, *, logs: Path, progress: Progress, check: Callable[[], None]
) -> dict[str, str]:
    """Wait until a run ends, and show its tasks meanwhile; return the state of every task by its title.

    Raises LaunchError naming the task and its log when the run fails. `check` is called every second, and what it
    raises ends the wait: without Airflow a run would never end. The DAG itself limits the time of its tasks.
    """
    told: dict[str, str] = {}
    while True:
        ended = api.state(dag, run) in ENDED
        tasks = api.tasks(dag, run)
        for task in tasks:
            _tell(dag, run, task, told, logs, progress)
        if ended:
            break
        check()
        _show_running(dag, run, tasks, logs, progress)
        time.sleep(1.0)
    _raise_failure(dag, run, tasks, logs)
    return {task.title: task.state for task in tasks}


def task_log(logs: Path, dag: str, run: str, task: Task) -> Path:
    """Return the file with a task's log (Airflow's default layout)."""
    folder = logs / "tasks" / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task.name}"
    mapped = folder if task.index is None else folder / f"map_index={task.index}"
    return mapped / f"attempt={max(task.attempt, 1)}.log"


def last_line(log: Path, *, among: tuple[str, ...] = PRINTED_BY_TASK) -> str:
    """Return the last line that the task itself printed, '' when it has printed nothing yet."""
    if not log.exists():
        return ""
    for line in reversed(log.read_text(errors="replace").splitlines()):
        entry = _parse(line)
        if str(entry.get("logger", "")).startswith(among) and entry.get("event"):
            return str(entry["event"]).strip()
    return ""


def _parse(line: str) -> dict[str, object]:
    """Return the entry of a log line, {} for a line that is only half written and so no JSON."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _tell(dag: str, run: str, task: Task, told: dict[str, str], logs: Path, progress: Progress) -> None:
    if task.state == told.get(task.title) or task.state not in STARTED:
        return
    told[task.title] = task.state
    if task.state != "running":
        took = "" if task.seconds is None else f" {task.seconds:6.1f} s"
        why = f"  {_reason(task_log(logs, dag, run, task))}" if task.state == "up_for_retry" else ""
        progress.say(f"  {dag}.{task.title:<10} {task.state:<8}{took}{why}")
    if task.state == "awaiting_input":
        progress.say(f"  answer it in Airflow, under Required Actions of {dag}; until then production stays as it is")


def _show_running(dag: str, run: str, tasks: list[Task], logs: Path, progress: Progress) -> None:
    running = [task for task in tasks if task.state == "running"]
    if not running:
        progress.show(f"  {dag} …")
    else:
        others = f" (and {len(running) - 1} more)" if len(running) > 1 else ""
        said = last_line(task_log(logs, dag, run, running[0])) or "…"
        progress.show(f"  {dag}.{running[0].title:<10} {said}{others}")


def _raise_failure(dag: str, run: str, tasks: list[Task], logs: Path) -> None:
    failed = next((task for task in tasks if task.state == "failed"), None)
    if failed is not None:
        log = task_log(logs, dag, run, failed)
        raise LaunchError(f"task {failed.title} of {dag} failed: {_reason(log)}", log)


def _reason(log: Path) -> str:
    """Return the exception that ended the task, as Airflow logs it."""
    if not log.exists():
        return "the task left no log"
    for line in reversed(log.read_text(errors="replace").splitlines()):
        details = _parse(line).get("error_detail")
        if isinstance(details, list) and details and isinstance(details[-1], dict):
            return f"{details[-1].get('exc_type')}: {details[-1].get('exc_value')}"
    return "see the task's log"
