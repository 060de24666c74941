"""By hand, and long: how much of a generator that nobody has seen would be found, by training without each in turn."""

import json
import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from truegrain_airflow import training_process
from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import number, read, table, text
from truegrain_airflow.retries import task_defaults

log = logging.getLogger("truegrain.forecast")
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

    @task
    def plan() -> list[dict[str, str]]:
        from model.evaluation.forecast import LEAST_IMAGES
        from model.registry import connect
        from model.retraining.forecast_steps import plan_forecast

        run, least = read("run") or "", read("least_images") or LEAST_IMAGES
        planned = plan_forecast(connect(read_settings()), open_lake(), run, least=least)
        return [asdict(left_out) for left_out in planned]

    @task(execution_timeout=timedelta(hours=24), max_active_tis_per_dag=1)
    def train(left_out: dict[str, str]) -> dict[str, Any]:
        overrides = json.dumps({**(read("overrides") or {}), "leave_out": left_out["generator"]})
        training = training_process.train(left_out["dataset_version"], read("recipe") or "", overrides, log=log.info)
        return {"training": training, "left_out": left_out}

    @task
    def publish(trained: list[dict[str, Any]]) -> None:
        from model.registry import connect
        from model.retraining.forecast_steps import LeftOut, publish_forecast

        measured = [(each["training"], LeftOut(**each["left_out"])) for each in trained]
        log.info("%s", publish_forecast(connect(read_settings()), open_lake(), measured))

    publish(train.expand(left_out=plan()))  # type: ignore[arg-type]


forecast_generators()
