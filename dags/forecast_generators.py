"""Started by hand: forecasts how many images of an unknown generator a detector would find. Takes long."""

from datetime import timedelta

from airflow.sdk import dag, task

from truegrain_airflow import forecast_generators as tasks
from truegrain_airflow.forms import number, table, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "run": text("MLflow run", "The run whose report gets the forecast. Empty: the run of the detector in production."),
    "recipe": text("Recipe", "The recipe of that run: a name or a path. Empty: TRUEGRAIN_RECIPE."),
    "overrides": table(
        "Overrides", 'Fields of the recipe that were changed for that run, such as {"epochs": 3}. Empty: none.'
    ),
    "least_images": number(
        "Fewest test images", "A generator with fewer test images is not forecast. Empty: 30.", least=1
    ),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def forecast_generators() -> None:
    """**Red?** Production and its report are unchanged: only *publish* writes, at the very end.

    The log names the cause. Fix the cause, then clear the red task. A red *train* resumes from its last epoch, and
    green tasks are not repeated. There is one training for each generator, one after another, each as long as in
    *retrain_detector*.
    """
    plan = task(tasks.plan)
    train = task(execution_timeout=timedelta(hours=24), max_active_tis_per_dag=1)(tasks.train)
    publish = task(tasks.publish)

    publish(train.expand(left_out=plan()))  # type: ignore[arg-type]


forecast_generators()
