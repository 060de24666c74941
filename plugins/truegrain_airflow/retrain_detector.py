"""Implements the tasks of `retrain_detector`, from choosing the dataset version to promoting the detector."""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Metadata, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from model.errors import RegistryError
from truegrain_airflow import training_process
from truegrain_airflow.assets import (
    DATASET,
    DETECTOR,
    DRIFT,
    DRIFT_REASON,
    RETRAINING,
    Triggers,
    choose_dataset_version,
    read_drift,
)
from truegrain_airflow.deadline import ended_late
from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import read
from truegrain_airflow.retries import name_request

if TYPE_CHECKING:
    from model.evaluation.gate.decision import Decision

PATIENCE = timedelta(days=7)
"""How long an approval may take: half the time between two dataset versions, so that no run delays the next one."""

_APPROVE = "approve"

log = logging.getLogger("truegrain.retrain")


def explain(requested: str | None, triggers: Triggers) -> str:
    """Return why a run trains: the reason in its form, else the drift, the new version or the hand that started it."""
    otherwise = "a new dataset version" if triggers.get(DATASET) else "by hand"
    return requested or str(read_drift(triggers).get(DRIFT_REASON, otherwise))


def choose() -> dict[str, str]:
    """Choose the dataset version; returns `dataset_version` and `reason`. RETRAINING's event gets both, too.

    Raises AirflowSkipException if only drift started the run and the newest version was trained on before. Raises what
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
            "there is nothing new to train on until new images or accepted reports are ingested"
        )
    log.info("training on dataset version %s: %s", version, reason)
    chosen = {"dataset_version": version, "reason": reason}
    context["outlet_events"][RETRAINING].extra = {**chosen, **read_drift(triggers)}
    return chosen


def train(dataset_version: str) -> str:
    """Train with the recipe and overrides in the form; returns the MLflow run. Raises as `training_process.train`."""
    recipe, overrides = read("recipe") or "", json.dumps(read("overrides") or {})
    return training_process.train(dataset_version, recipe, overrides, log=log.info)


@ended_late()
def evaluate(training: str) -> str:
    """Evaluate the detector of a training run, and return the run."""
    from model.registry import connect
    from model.retraining.steps import evaluate_run

    evaluate_run(connect(read_settings()), open_lake(), training)
    return training


@ended_late()
def decide(training: str, reason: str) -> str | None:
    """Apply the gate to the detector of a training run; returns the next task, as `follow` does."""
    from model.evaluation.gate.policy import read_policy
    from model.registry import connect
    from model.retraining.steps import decide_run

    settings = read_settings()
    policy, dag_run_id = read_policy(settings.gate_policy), get_current_context()["run_id"]
    registry, lake = connect(settings), open_lake()
    return follow(decide_run(registry, lake, training, policy=policy, dag_run_id=dag_run_id, reason=reason))


def follow(decision: "Decision") -> str | None:
    """Return the task that follows a decision: `promote`, `approve` if a person must be asked, or None if refused.

    A person is asked if the setting or the form says so, and if the gate itself asks because images are too few.

    Logs the decision. Two XComs keep it: `decision` in words for the person who is asked, and `gate_asks`.
    """
    context = get_current_context()
    log.info("%s", decision)
    context["ti"].xcom_push("decision", str(decision))
    context["ti"].xcom_push("gate_asks", decision.ask)
    if decision.ask:
        return _APPROVE
    if not decision.promote:
        return None
    return _APPROVE if read_settings().approval or context["params"]["approval"] else "promote"


def approve() -> ApprovalOperator:
    """Return the task that shows the decision and waits for an answer, without occupying a worker.

    The question and its answers are the same whether the gate, the setting or the form asks. After a rejection, or a
    week without an answer, the following tasks are skipped.
    """
    return ApprovalOperator(
        task_id=_APPROVE,
        subject="Put this detector into production?",
        body="{{ ti.xcom_pull('decide', key='decision') | indent(4, first=True) }}",  # Markdown: as it stands
        defaults=ApprovalOperator.REJECT,
        response_timeout=PATIENCE,
    )


def tell_approval(response: Mapping[str, Any] | None, *, asked: bool) -> str:
    """Return who approved, as the end of a reason; empty if nobody was `asked`.

    Raises RegistryError if somebody has to approve and nobody has: the task that asks can be marked as a success.
    """
    if response is not None and response["chosen_options"] == [ApprovalOperator.APPROVE]:
        return f", approved by {response['responded_by_user']['name']}"
    if asked:
        raise RegistryError(f"nobody has approved this detector: clear the task '{_APPROVE}' and answer what it asks")
    return ""


def promote(training: str) -> Iterator[Metadata]:
    """Put the detector of a training run into production. DETECTOR's event names its version.

    The history records why: the gate, whether the gate asked a person, and who approved the detector. It also records
    who triggered the run. Raises RegistryError if a person has to approve and nobody did.
    """
    from model.registry import connect
    from model.retraining.steps import promote_run

    context, settings = get_current_context(), read_settings()
    gate_asks = bool(context["ti"].xcom_pull("decide", key="gate_asks"))
    asked = gate_asks or settings.approval or bool(context["params"]["approval"])
    approved = tell_approval(context["ti"].xcom_pull(_APPROVE), asked=asked)
    user, run_id = context["dag_run"].triggering_user_name, context["run_id"]
    by = f"{user}, {run_id}" if user else run_id  # whoever triggers a run may choose its id
    reason = f"gate{' asked' if gate_asks else ''}{approved}"
    version = promote_run(
        connect(settings), training, reason=reason, by=by, approved=bool(approved), request=name_request()
    ).version
    log.info("version %s is in production", version)
    yield Metadata(DETECTOR, {"version": version})
