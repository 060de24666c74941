"""On a new dataset version, or by hand: train a detector, judge it against production, promote it if it is better."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from airflow.sdk import Metadata, Param, dag, get_current_context, task

from truegrain_airflow import approval, links, training_process
from truegrain_airflow.assets import DATASET, DETECTOR, choose_dataset_version
from truegrain_airflow.defaults import task_defaults
from truegrain_airflow.surroundings import open_lake, read_settings

log = logging.getLogger("truegrain.retrain")
PARAMS = {
    "dataset_version": Param("", type="string", description="Empty: the newest published"),
    "recipe": Param("", type="string", description="Name or path of a recipe; empty: TRUEGRAIN_RECIPE"),
    "overrides": Param({}, type="object", description='Fields of the recipe, such as {"epochs": 3}'),
    "approval": Param(default=False, type="boolean", description="Ask a person before promoting what passed the gate"),
}


@dag(schedule=[DATASET], params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def retrain_detector() -> None:
    """**Red?** Production is untouched: only *promote* changes it, at once or not at all.

    The log ends with the reason. Clear the red task once that is mended: *train* resumes from its last epoch.
    *promote* skipped is no fault: the log of *decide* names the rules that failed, or a person rejected in *approve*.
    """

    @task(execution_timeout=timedelta(hours=24))
    def train(dataset_version: str, recipe: str, overrides: str) -> str:
        version = choose_dataset_version(dataset_version, get_current_context()["triggering_asset_events"], open_lake())
        return training_process.train(version, recipe, overrides, log=log.info)

    @task
    def evaluate(training: str) -> str:
        from model.retrain import evaluate_run

        evaluate_run(read_settings(), training)
        return training

    @task.branch
    def decide(training: str) -> str | None:
        from model.retrain import decide_run

        return approval.follow(decide_run(read_settings(), training, dag_run_id=get_current_context()["run_id"]))

    @task(outlets=[DETECTOR], trigger_rule="none_failed_min_one_success")  # *approve* is skipped unless asked for
    def promote(training: str) -> Iterator[Metadata]:
        from model.retrain import promote_run

        yield Metadata(DETECTOR, {"version": promote_run(read_settings(), training, reason=approval.reason()).version})

    trained = train("{{ params.dataset_version }}", "{{ params.recipe }}", "{{ params.overrides | tojson }}")
    promoted = promote("{{ ti.xcom_pull('evaluate') }}")
    links.report(decide(links.report(evaluate(trained)))) >> [promoted, promoted << approval.ask()]  # type: ignore[arg-type]


retrain_detector()
