import pytest
from airflow.sdk import RetryAction

from model.errors import RegistryUnavailable, SourceError, TrainingError, TrainingInterrupted, ValidationFailed
from truegrain_airflow.retries import MENDABLE


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (ValidationFailed("one class"), RetryAction.FAIL),
        (SourceError("no such folder"), RetryAction.FAIL),
        (RegistryUnavailable("no answer"), RetryAction.RETRY),
        (TrainingInterrupted("killed"), RetryAction.RETRY),
        (TrainingError("no such recipe"), RetryAction.FAIL),
        (ConnectionError("reset"), RetryAction.DEFAULT),
    ],
)
def test_only_what_time_can_mend_is_tried_again(error, action):
    assert MENDABLE.evaluate(error, try_number=1, max_tries=2).action is action
