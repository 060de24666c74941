"""Implements the tasks of `forecast_generators`: plan, train without each generator, publish the forecast."""

import json
import logging
from dataclasses import asdict
from typing import Any

from truegrain_airflow import training_process
from truegrain_airflow.deadline import ended_late
from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import read

log = logging.getLogger("truegrain.forecast")


def plan() -> list[dict[str, str]]:
    """Plan the trainings for the run in the form: one without each generator that has enough test images."""
    from model.evaluation.forecast import LEAST_IMAGES
    from model.registry import connect
    from model.retraining.forecast_steps import plan_forecast

    run, least = read("run") or "", read("least_images") or LEAST_IMAGES
    planned = plan_forecast(connect(read_settings()), open_lake(), run, least=least)
    return [asdict(left_out) for left_out in planned]


def train(left_out: dict[str, str]) -> dict[str, Any]:
    """Train without one generator, with the recipe in the form; returns the run (`training`) and `left_out`."""
    overrides = json.dumps({**(read("overrides") or {}), "leave_out": left_out["generator"]})
    training = training_process.train(left_out["dataset_version"], read("recipe") or "", overrides, log=log.info)
    return {"training": training, "left_out": left_out}


@ended_late()
def publish(trained: list[dict[str, Any]]) -> None:
    """Measure each detector on the generator that it has not seen, and add the forecast to the run's report."""
    from model.registry import connect
    from model.retraining.forecast_steps import LeftOut, publish_forecast

    measured = [(each["training"], LeftOut(**each["left_out"])) for each in trained]
    log.info("%s", publish_forecast(connect(read_settings()), open_lake(), measured))
