"""Runs on a new dataset version, on drift or by hand: trains a detector and promotes it if it passes the gate."""

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from truegrain_airflow import report_link
from truegrain_airflow import retrain_detector as tasks
from truegrain_airflow.assets import DATASET, DETECTOR, DRIFT, RETRAINING
from truegrain_airflow.forms import switch, table, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "dataset_version": text("Dataset version", "The version to train on. Empty: the newest published version."),
    "recipe": text("Recipe", "Name or path. Empty: TRUEGRAIN_RECIPE."),
    "overrides": table("Overrides", 'Fields of the recipe to change, such as {"epochs": 3}. Empty: none.'),
    "approval": switch("Approval", "Ask a person before the detector is promoted. Off: TRUEGRAIN_APPROVAL decides."),
    "reason": text(
        "Reason", "Why the detector is trained; kept with its version. Empty: the event that started the run."
    ),
}


@dag(schedule=DATASET | DRIFT, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def retrain_detector() -> None:
    """**Red?** Production is unchanged: only *promote* changes it, completely or not at all.

    The log ends with the cause. Fix the cause, then clear the red task; *train* resumes from its last epoch.

    A skipped task is no error; its log says why:

    - *choose*: there is nothing new to train on.
    - *promote*: the gate or a person refused the detector.
    """
    choose = task(outlets=[RETRAINING])(tasks.choose)
    train = task(execution_timeout=timedelta(hours=24))(tasks.train)
    evaluate = task(tasks.evaluate)
    decide = task.branch(tasks.decide)
    # *approve* is skipped unless approval is required.
    promote = task(outlets=[DETECTOR], trigger_rule="none_failed_min_one_success")(tasks.promote)

    chosen: Any = choose()  # Airflow's types do not know that this is a dictionary
    trained = train(chosen["dataset_version"])
    promoted = promote("{{ ti.xcom_pull('evaluate') }}")
    decided = report_link.report(decide(report_link.report(evaluate(trained)), chosen["reason"]))  # type: ignore[arg-type]
    decided >> [promoted, promoted << tasks.approve()]


retrain_detector()
