"""By hand, and long: how much of a generator that nobody has seen would be found, by training without each in turn."""

import json
import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from truegrain_airflow import training_process
from truegrain_airflow.defaults import task_defaults
from truegrain_airflow.surroundings import read_settings

log = logging.getLogger("truegrain.forecast")
PARAMS = {
    "run": Param("", type="string", description="MLflow run whose report gets the forecast; empty: that of production"),
    "recipe": Param("", type="string", description="What that run was trained with; empty: TRUEGRAIN_RECIPE"),
    "overrides": Param({}, type="object", description='Fields of the recipe, such as {"epochs": 3}'),
    "least_images": Param(30, type="integer", minimum=1, description="Test images a generator must have"),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def forecast_generators() -> None:
    """**Red?** Production and its report are as they were: only *publish* writes, at the very end.

    The log names the cause. Clear the red task once that is mended: a *train* resumes from its last epoch, and those
    that are green are not repeated. One training a generator, one at a time: count on as many times *retrain_detector*.
    """

    @task
    def plan(run: str, least_images: str) -> list[dict[str, str]]:
        from model.forecasting import plan_forecast

        return [asdict(left_out) for left_out in plan_forecast(read_settings(), run, least=int(least_images))]

    @task(execution_timeout=timedelta(hours=24), max_active_tis_per_dag=1)
    def train(left_out: dict[str, str]) -> dict[str, Any]:
        params = get_current_context()["params"]
        overrides = json.dumps({**params["overrides"], "leave_out": left_out["generator"]})
        training = training_process.train(left_out["dataset_version"], params["recipe"], overrides, log=log.info)
        return {"training": training, "left_out": left_out}

    @task
    def publish(trained: list[dict[str, Any]]) -> None:
        from model.forecasting import LeftOut, publish_forecast

        measured = [(each["training"], LeftOut(**each["left_out"])) for each in trained]
        log.info("%s", publish_forecast(read_settings(), measured))

    publish(train.expand(left_out=plan("{{ params.run }}", "{{ params.least_images }}")))  # type: ignore[arg-type]


forecast_generators()
