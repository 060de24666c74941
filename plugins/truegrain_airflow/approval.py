"""Approval: from the gate's decision to promotion, past a person where one is to be asked."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import get_current_context

from truegrain_airflow.environment import read_settings

if TYPE_CHECKING:
    from model.evaluation.gate.decision import Decision

PATIENCE = timedelta(days=7)
"""Half of the fortnight between two dataset versions: no run may wait for an answer while the next one is due."""

_TASK = "approve"

log = logging.getLogger("truegrain.retrain")


def follow(decision: "Decision") -> str | None:
    """Return the task that follows on a decision: `promote`, `approve` when a person is to be asked, or none.

    Logs the decision and leaves it as XCom `decision` for whoever looks, or is asked.
    """
    context = get_current_context()
    log.info("%s", decision)
    context["ti"].xcom_push("decision", str(decision))
    if not decision.promote:
        return None
    return _TASK if read_settings().approval or context["params"]["approval"] else "promote"


def ask() -> ApprovalOperator:
    """Make the task that shows the decision and waits, without a worker, for an answer.

    After a rejection, and after a week without an answer, the tasks below are skipped.
    """
    return ApprovalOperator(
        task_id=_TASK,
        subject="Put this detector into production?",
        body="{{ ti.xcom_pull('decide', key='decision') | indent(4, first=True) }}",  # Markdown: as it stands
        defaults=ApprovalOperator.REJECT,
        response_timeout=PATIENCE,
    )


def reason() -> str:
    """Return why a promotion happens: the gate, and who approved it when a person was asked."""
    response = get_current_context()["ti"].xcom_pull(_TASK)
    return f"gate, approved by {response['responded_by_user']['name']}" if response else "gate"
