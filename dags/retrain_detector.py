"""On a new dataset version, on drift or by hand: train a detector, judge it against production, promote the better."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import Metadata, Param, dag, task

from truegrain_airflow import approval, links, retraining
from truegrain_airflow.assets import DATASET, DETECTOR, DRIFT, RETRAINING
from truegrain_airflow.defaults import task_defaults

PARAMS = {
    "dataset_version": Param("", type="string", description="Empty: the newest published"),
    "recipe": Param("", type="string", description="Name or path of a recipe; empty: TRUEGRAIN_RECIPE"),
    "overrides": Param({}, type="object", description='Fields of the recipe, such as {"epochs": 3}'),
    "approval": Param(default=False, type="boolean", description="Ask a person before promoting what passed the gate"),
    "reason": Param("", type="string", description="Kept with the version; empty: what has started the run"),
}


@dag(schedule=DATASET | DRIFT, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def retrain_detector() -> None:
    """**Red?** Production is untouched: only *promote* changes it, at once or not at all.

    The log ends with the reason. Clear the red task once that is mended: *train* resumes from its last epoch. Skipped
    is no fault, and the log says why: *choose*, nothing new to learn from; *promote*, refused by gate or person.
    """

    @task(outlets=[RETRAINING])
    def choose() -> dict[str, str]:
        return retraining.choose()

    @task(execution_timeout=timedelta(hours=24))
    def train(dataset_version: str, recipe: str, overrides: str) -> str:
        return retraining.train(dataset_version, recipe, overrides)

    @task
    def evaluate(training: str) -> str:
        return retraining.evaluate(training)

    @task.branch
    def decide(training: str, reason: str) -> str | None:
        return approval.follow(retraining.decide(training, reason))

    @task(outlets=[DETECTOR], trigger_rule="none_failed_min_one_success")  # *approve* is skipped unless asked for
    def promote(training: str) -> Iterator[Metadata]:
        yield Metadata(DETECTOR, retraining.promote(training))

    chosen: Any = choose()  # to Airflow's types no dictionary
    trained = train(chosen["dataset_version"], "{{ params.recipe }}", "{{ params.overrides | tojson }}")
    promoted = promote("{{ ti.xcom_pull('evaluate') }}")
    decided = links.report(decide(links.report(evaluate(trained)), chosen["reason"]))  # type: ignore[arg-type]
    decided >> [promoted, promoted << approval.ask()]


retrain_detector()
