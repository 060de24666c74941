"""When drift asks for a training, and the reason when it does not."""

from datetime import timedelta

import pytest

from model.monitoring.drift_history import DriftResult
from model.monitoring.retrain_request import LOOK_BACK, RetrainPolicy, judge
from model.settings import Settings
from support.monitoring import NOON, found

POLICY = RetrainPolicy(sustained=3, cooldown=timedelta(hours=24), budget=4)
THIRD = found(in_a_row=3)


def hours_ago(*hours: float) -> list:
    return [NOON - timedelta(hours=hour) for hour in hours]


def test_the_policy_is_that_of_the_settings() -> None:
    assert RetrainPolicy.of(Settings()) == POLICY


def test_drift_that_lasts_is_asked_about_with_what_was_found() -> None:
    judgement = judge(THIRD, [], POLICY, now=NOON)
    assert judgement.ask
    assert judgement.reason == f"version 7: {THIRD.reason}"


@pytest.mark.parametrize(
    ("latest", "why_not"),
    [
        (None, "nothing was measured within a day"),
        (found(in_a_row=3, minutes_ago=LOOK_BACK / timedelta(minutes=1) + 1), "nothing was measured within a day"),
        (found("ok", in_a_row=3), "no drift"),
        (found("unknown"), "drift is unknown"),
        (found(in_a_row=2), "2 of 3 measurements in a row find 'new_generator', each with at least half of its"),
        (found(attribution="content"), "1 of 3 measurements in a row find 'content'"),
        (found(attribution="balance", in_a_row=3), "training cannot mend drift of 'balance'"),
    ],
)
def test_nothing_is_asked_for_before_measurements_agree_on_what_training_mends(
    latest: DriftResult | None, why_not: str
) -> None:
    judgement = judge(latest, [], POLICY, now=NOON)
    assert not judgement.ask
    assert judgement.reason.startswith(why_not)


@pytest.mark.parametrize(
    ("retrainings", "why_not"),
    [
        (hours_ago(23.9), "the last training on drift began at 2026-11-15 12:06, the next may at 2026-11-16 12:06"),
        (hours_ago(1, 300), "the last training on drift began at 2026-11-16 11:00"),
        (hours_ago(25, 50, 75, 100), "the budget is spent: 4 of 4 trainings on drift within 30 days"),
    ],
)
def test_cool_down_and_budget_hold_back(retrainings: list, why_not: str) -> None:
    judgement = judge(THIRD, retrainings, POLICY, now=NOON)
    assert not judgement.ask
    assert judgement.reason.startswith(why_not)
    assert judgement.reason.endswith(THIRD.reason)


@pytest.mark.parametrize("retrainings", [hours_ago(24), hours_ago(25, 50, 75), hours_ago(24, 48, 72, 24 * 30)])
def test_trainings_of_long_ago_hold_nothing_back(retrainings: list) -> None:
    assert judge(THIRD, retrainings, POLICY, now=NOON).ask


def test_without_a_budget_drift_never_asks() -> None:
    none = RetrainPolicy(sustained=1, cooldown=timedelta(0), budget=0)
    assert "0 of 0 trainings" in judge(THIRD, [], none, now=NOON).reason
