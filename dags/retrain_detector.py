"""On a new dataset version, on drift or by hand: train a detector, judge it against production, promote the better."""

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from truegrain_airflow import report_link
from truegrain_airflow import retrain_detector as tasks
from truegrain_airflow.assets import DATASET, DETECTOR, DRIFT, RETRAINING
from truegrain_airflow.forms import switch, table, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "dataset_version": text("Dataset version", "What to train on. Empty: the newest that is published."),
    "recipe": text("Recipe", "Name or path. Empty: TRUEGRAIN_RECIPE."),
    "overrides": table("Overrides", 'Fields of the recipe to change, such as {"epochs": 3}. Empty: none.'),
    "approval": switch("Approval", "Ask a person before the detector is promoted. Off: as TRUEGRAIN_APPROVAL says."),
    "reason": text("Reason", "Why it is trained. Kept with the version. Empty: what has started the run."),
}


@dag(schedule=DATASET | DRIFT, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def retrain_detector() -> None:
    """**Red?** Production is untouched: only *promote* changes it, at once or not at all.

    The log ends with the reason. Clear the red task once that is mended: *train* resumes from its last epoch. Skipped
    is no fault, and the log says why: *choose*, nothing new to learn from; *promote*, refused by gate or person.
    """
    choose = task(outlets=[RETRAINING])(tasks.choose)
    train = task(execution_timeout=timedelta(hours=24))(tasks.train)
    evaluate = task(tasks.evaluate)
    decide = task.branch(tasks.decide)
    # *approve* is skipped unless it is asked for.
    promote = task(outlets=[DETECTOR], trigger_rule="none_failed_min_one_success")(tasks.promote)

    chosen: Any = choose()  # to Airflow's types no dictionary
    trained = train(chosen["dataset_version"])
    promoted = promote("{{ ti.xcom_pull('evaluate') }}")
    decided = report_link.report(decide(report_link.report(evaluate(trained)), chosen["reason"]))  # type: ignore[arg-type]
    decided >> [promoted, promoted << tasks.approve()]


retrain_detector()
