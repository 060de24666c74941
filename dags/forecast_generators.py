"""By hand, and long: how much of a generator that nobody has seen would be found, by training without each in turn."""

from datetime import timedelta

from airflow.sdk import dag, task

from truegrain_airflow import forecast_generators as tasks
from truegrain_airflow.forms import number, table, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "run": text("MLflow run", "Its report gets the forecast. Empty: the run of the detector in production."),
    "recipe": text("Recipe", "What the run was trained with: a name or a path. Empty: TRUEGRAIN_RECIPE."),
    "overrides": table("Overrides", 'Fields of the recipe that the run changed, such as {"epochs": 3}. Empty: none.'),
    "least_images": number("Fewest test images", "How many test images a generator must have. Empty: 30.", least=1),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def forecast_generators() -> None:
    """**Red?** Production and its report are as they were: only *publish* writes, at the very end.

    The log names the cause. Clear the red task once that is mended: a *train* resumes from its last epoch, and those
    that are green are not repeated. One training a generator, one at a time: count on as many times *retrain_detector*.
    """
    plan = task(tasks.plan)
    train = task(execution_timeout=timedelta(hours=24), max_active_tis_per_dag=1)(tasks.train)
    publish = task(tasks.publish)

    publish(train.expand(left_out=plan()))  # type: ignore[arg-type]


forecast_generators()
