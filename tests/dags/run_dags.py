"""Run DAGs one after the other in this process, each task for real, and print how each task ended as JSON.

Usage: python run_dags.py '[["ingest_images", {"source": "..."}], ["scheduler", {}, {"TRUEGRAIN_SOURCE": "..."}], ...]'

1. Each DAG has the form that triggers it, and optionally variables that are set from then on.
2. "scheduler" runs the DAG runs that Airflow's scheduler has created for events, the last DAG by name first.
3. Training and the registry are replaced. The calls of their replacements are printed, too. A recipe may be the id of a
   run in MLflow: the run is decided on and promoted for real.
4. The loggers that wrote a line are printed by level.
5. Questions to a person are answered by ANSWERS.
"""

import json
import logging
import os
import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import airflow.models.dagrun
from airflow.dag_processing.dagbag import DagBag
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import handle_event_submit
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.sqlalchemy import prohibit_commit
from airflow.utils.timezone import utcnow

from model.dataset.lake import Lake
from model.registry import Registry, promotion
from model.retraining import steps
from model.settings import Settings
from truegrain_airflow import training_process

ANSWERS: list[tuple[str, dict[str, object]]] = [
    ("Approve", {}),
    ("Reject", {}),
    ("Approve", {}),
    ("Keep my answers", {"ai": [], "real": ["1"], "no_use": None}),
    ("Keep my answers", {"ai": ["9"], "real": [], "no_use": []}),
    ("Leave them all", {"ai": ["1"], "real": [], "no_use": []}),
    ("Keep my answers", {"ai": ["1-20"], "real": ["21-25"]}),
]
"""The person's answers, one for each question: an option, and the values of the form's fields."""
RUN_ID_LENGTH = 32


class Loggers(logging.Handler):
    """The names of the loggers that wrote a line into the log, by level."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[str, set[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.setdefault(record.levelname, set()).add(record.name)


@dataclass(frozen=True)
class LeftOut:
    run_id: str
    dataset_version: str
    generator: str


def main(scenarios: list[list[Any]]) -> None:
    calls: list[list[object]] = []
    replace_training(calls)
    asked: list[str] = []
    threading.Thread(target=answer, args=(asked,), daemon=True).start()
    bag, loggers = DagBag(), Loggers()
    logging.getLogger().addHandler(loggers)
    runs = [run_scenario(bag, *scenario) for scenario in scenarios]
    states = [{name(task): str(task.state) for run in each for task in run.get_task_instances()} for each in runs]
    links = read_links(bag, [run for each in runs for run in each])
    logged = {level: sorted(names) for level, names in loggers.heard.items()}
    found = {"states": states, "calls": calls, "asked": asked, "links": links, "logged": logged}
    print("\n" + json.dumps(found, default=vars))


def run_scenario(
    bag: DagBag, dag: str, conf: dict[str, object], environment: dict[str, str] | None = None
) -> list[DagRun]:
    os.environ |= environment or {}
    if dag == "scheduler":
        # The DAG is read again: `DAG.test` leaves the form in the DAG object, and Airflow reads the DAG for each task.
        runs = [run_created(DagBag().dags[run.dag_id], run) for run in created_runs()]
    else:
        runs = [bag.dags[dag].test(run_conf=conf)]
    schedule()
    return runs


def schedule() -> None:
    """Let the scheduler create the runs that events ask for."""
    with create_session() as session, prohibit_commit(session) as guard:
        SchedulerJobRunner(job=Job())._create_dagruns_for_dags(guard, session)


def created_runs() -> list[DagRun]:
    with create_session() as session:
        queued = session.query(DagRun).filter(DagRun.state == "queued", DagRun.run_type == "asset_triggered")
        return sorted(queued, key=lambda run: (run.dag_id, -run.id), reverse=True)


def run_created(dag: DAG, run: DagRun) -> DagRun:
    """Run the tasks of an existing run, as `DAG.test` does with a run that it makes."""

    def take(*, session: Any, **made: Any) -> DagRun:
        taken: DagRun = session.get(DagRun, run.id)
        taken.dag, taken.state = made["dag"], "running"
        session.commit()
        return taken

    make, airflow.models.dagrun.get_or_create_dagrun = airflow.models.dagrun.get_or_create_dagrun, take
    try:
        return dag.test()
    finally:
        airflow.models.dagrun.get_or_create_dagrun = make


class Decision(SimpleNamespace):
    def __str__(self) -> str:
        return "every rule passed\nfor a reason"


def answer(asked: list[str]) -> None:
    """Answer each question as Airflow's API does after a click, and note the text that was shown."""
    while len(asked) < len(ANSWERS):
        time.sleep(0.5)
        with create_session() as session:
            waiting = session.query(TaskInstance).filter(TaskInstance.state == "awaiting_input").first()
            if waiting is None:
                continue
            request = session.get(HITLDetail, waiting.id)
            option, fields = ANSWERS[len(asked)]
            request.chosen_options, request.params_input = [option], fields
            request.responded_by, request.responded_at = {"id": "1", "name": "Ada"}, utcnow()
            asked.append(request.body)
            event = TriggerEvent(request.as_resume_event_payload(timedout=False))
            handle_event_submit(event, task_instance=waiting, session=session)


def read_links(bag: DagBag, runs: list[Any]) -> list[tuple[str, str]]:
    """The buttons of all tasks and their addresses, as Airflow's webserver finds them."""
    shown = {dag.dag_id: DagSerialization.from_dict(DagSerialization.to_dict(dag)) for dag in bag.dags.values()}
    found = []
    for run in runs:
        for instance in run.get_task_instances():
            task = shown[run.dag_id].get_task(instance.task_id)
            found += [(f"{task.task_id}: {link}", task.get_extra_links(instance, link)) for link in task.extra_links]
    return [(button, address) for button, address in found if address]


def name(task: object) -> str:
    """The id of a task; a mapped task also has its number, counted from 1."""
    return task.task_id if task.map_index < 0 else f"{task.task_id} {task.map_index + 1}"


def replace_training(calls: list[list[object]]) -> None:
    def record(name: str, answer: object, *, real: Callable[..., object] | None = None):
        def call(*given: object, **named: object) -> object:
            values = [value for value in given if not isinstance(value, Settings | Registry | Lake)]
            if real is not None and len(values[0]) == RUN_ID_LENGTH:
                return real(*given, **named)
            calls.append([name, *values, named])
            return answer(*values) if callable(answer) else answer

        return call

    trained: set[str] = set()

    def train(version: str, recipe: str, overrides: str, **_: object) -> str:
        calls.append(["train", version, recipe, json.loads(overrides)])
        trained.add(version)
        return recipe

    training_process.train = train
    steps.evaluate_run = record("evaluate", None)
    decide = record("decide", lambda run: Decision(promote=run == "good", ask=False), real=steps.decide_run)
    steps.decide_run = decide
    steps.promote_run = record("promote", SimpleNamespace(version="7"), real=steps.promote_run)
    promotion.rollback = record("rollback", SimpleNamespace(version="6"))
    Registry.find_trained = lambda _, version: SimpleNamespace(version="7") if version in trained else None
    Registry.page_address = lambda _, training, file, *, root: f"{root}/{training}/{file}"
    forecasting = types.ModuleType("model.retraining.forecast_steps")
    forecasting.LeftOut = LeftOut
    forecasting.plan_forecast = record("plan", [LeftOut("good", "v1", "glow"), LeftOut("good", "v1", "glare")])
    forecasting.publish_forecast = record("publish", None)
    sys.modules["model.retraining.forecast_steps"] = forecasting
    drill = types.ModuleType("truegrain_drill.steps")
    drill.prepare = record("prepare", "20261121-190000-smooth")
    drill.carry_out = record("carry out", None)
    drill.report = record("post-mortem", "post-mortem.html")
    sys.modules["truegrain_drill.steps"] = drill


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
