"""Defines the defaults of all tasks: owner, time limit, and which errors are retried. Names a run's request."""

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, get_current_context

from model.errors import LockHeld, RegistryUnavailable, TrainingInterrupted, TruegrainError

TIME_LIMIT: Final = timedelta(hours=1)
"""Of a task, unless it has another."""

MENDABLE = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[LockHeld, RegistryUnavailable, TrainingInterrupted],
            action=RetryAction.RETRY,
            reason="the lock may be released, the registry may answer again, and training resumes from its last epoch",
        ),
        RetryRule(
            exception=TruegrainError,
            action=RetryAction.FAIL,
            reason="a person has to fix the cause in the message; a retry would fail the same way",
        ),
    ]
)
"""Truegrain's own errors fail at once, except those that may go away by themselves. Other errors are retried."""


def name_request() -> str:
    """Return a unique name of the current DAG run, so that a repeated task changes production only once."""
    run = get_current_context()["dag_run"]
    return f"{run.run_id} of {run.run_after.isoformat()}"  # after a run is deleted, a new run can get the same id


def task_defaults() -> dict[str, Any]:
    """Return the `default_args` of a DAG."""
    return {
        "owner": "truegrain",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": MENDABLE,
        "execution_timeout": TIME_LIMIT,
    }
