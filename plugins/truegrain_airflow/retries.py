"""What every task of every DAG starts from: owner, time limit, and which failures are worth another try."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

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


def task_defaults() -> dict[str, Any]:
    """Return the `default_args` of a DAG."""
    return {
        "owner": "truegrain",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": MENDABLE,
        "execution_timeout": timedelta(hours=1),
    }
