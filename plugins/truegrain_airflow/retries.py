"""What every task of every DAG starts from: owner, time limit, which failures are worth another try, its request."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, get_current_context

from model.errors import LockHeld, RegistryUnavailable, TrainingInterrupted, TruegrainError

MENDABLE = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[LockHeld, RegistryUnavailable, TrainingInterrupted],
            action=RetryAction.RETRY,
            reason="a lock is let go, the registry may come back, and training resumes from its last epoch",
        ),
        RetryRule(
            exception=TruegrainError,
            action=RetryAction.FAIL,
            reason="the message is for a person; the same input would fail the same way",
        ),
    ]
)
"""Truegrain's own errors fail at once, but for those that time can mend; anything else is tried again."""


def name_request() -> str:
    """Return what names the DAG run that a task belongs to, so that a repeated task changes production once."""
    run = get_current_context()["dag_run"]
    return f"{run.run_id} of {run.run_after.isoformat()}"  # a run that was deleted leaves its id to another


def task_defaults() -> dict[str, Any]:
    """Return the `default_args` of a DAG."""
    return {
        "owner": "truegrain",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": MENDABLE,
        "execution_timeout": timedelta(hours=1),
    }
