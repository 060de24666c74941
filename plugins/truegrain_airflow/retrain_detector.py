"""Retraining: what the tasks of `retrain_detector` do, between the event that starts a run and production."""

import json
import logging
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from truegrain_airflow import approval, training_process
from truegrain_airflow.assets import (
    DATASET,
    DRIFT,
    DRIFT_REASON,
    RETRAINING,
    Triggers,
    choose_dataset_version,
    read_drift,
)
from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import read

if TYPE_CHECKING:
    from model.evaluation.gate.decision import Decision

log = logging.getLogger("truegrain.retrain")


def explain(requested: str | None, triggers: Triggers) -> str:
    """Return why a run trains: the reason in its form, else the drift that started it, else what else did."""
    otherwise = "a new dataset version" if triggers.get(DATASET) else "by hand"
    return requested or str(read_drift(triggers).get(DRIFT_REASON, otherwise))


def choose() -> dict[str, str]:
    """Choose what the current run trains on; returns `dataset_version` and `reason`, which RETRAINING's event gets too.

    Raises AirflowSkipException when drift alone asks and there is nothing new to learn from, and what
    `choose_dataset_version` raises.
    """
    from model.registry import connect

    context = get_current_context()
    triggers = context["triggering_asset_events"]
    version = choose_dataset_version(read("dataset_version"), triggers, open_lake())
    reason = explain(read("reason"), triggers)
    if triggers.get(DRIFT) and not triggers.get(DATASET) and (known := connect(read_settings()).find_trained(version)):
        raise AirflowSkipException(
            f"{reason}. But dataset version {version} is the newest, and detector {known.version} was trained on it: "
            "there is nothing to learn from before new images or accepted reports are ingested"
        )
    log.info("training on dataset version %s: %s", version, reason)
    chosen = {"dataset_version": version, "reason": reason}
    context["outlet_events"][RETRAINING].extra = {**chosen, **read_drift(triggers)}
    return chosen


def train(dataset_version: str) -> str:
    """Train as the form says and `training_process.train` does, and tell of it in the task's log."""
    recipe, overrides = read("recipe") or "", json.dumps(read("overrides") or {})
    return training_process.train(dataset_version, recipe, overrides, log=log.info)


def evaluate(training: str) -> str:
    """Evaluate what a run has trained, and return the run."""
    from model.registry import connect
    from model.retraining.steps import evaluate_run

    evaluate_run(connect(read_settings()), open_lake(), training)
    return training


def decide(training: str, reason: str) -> "Decision":
    """Apply the gate to what a run has trained for a `reason`."""
    from model.evaluation.gate.policy import read_policy
    from model.registry import connect
    from model.retraining.steps import decide_run

    settings = read_settings()
    policy, dag_run_id = read_policy(settings.gate_policy), get_current_context()["run_id"]
    return decide_run(connect(settings), open_lake(), training, policy=policy, dag_run_id=dag_run_id, reason=reason)


def promote(training: str) -> dict[str, JsonValue]:
    """Put what a run has trained into production; returns the `extra` of DETECTOR's event."""
    from model.registry import connect
    from model.retraining.steps import promote_run

    version = promote_run(connect(read_settings()), training, reason=approval.reason()).version
    log.info("version %s is in production", version)
    return {"version": version}
