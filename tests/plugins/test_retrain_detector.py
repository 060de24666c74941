"""Why a run trains, as its events tell it."""

from types import SimpleNamespace

import pytest

from truegrain_airflow.assets import DATASET, DRIFT, read_drift
from truegrain_airflow.retrain_detector import explain

DRIFTED = "version 7: a group of images is like none of the reference"


def event(**extra: str) -> SimpleNamespace:
    return SimpleNamespace(extra=extra)


ON_DATASET = {DATASET: [event(dataset_version="v1")]}
ON_DRIFT = {DRIFT: [event(drift="before"), event(drift=DRIFTED)]}
ON_WHAT_DRIFT_BROUGHT = {DATASET: [event(dataset_version="v1"), event(dataset_version="v2", drift=DRIFTED)]}


@pytest.mark.parametrize(
    ("triggers", "drift"),
    [
        ({}, {}),
        (ON_DATASET, {}),
        (ON_DRIFT, {"drift": DRIFTED}),
        (ON_WHAT_DRIFT_BROUGHT, {"drift": DRIFTED}),
        ({DRIFT: [event()]}, {}),
    ],
)
def test_the_drift_behind_a_run_is_that_of_its_last_event(triggers, drift):
    assert read_drift(triggers) == drift


@pytest.mark.parametrize(
    ("triggers", "reason"),
    [
        ({}, "by hand"),
        (ON_DATASET, "a new dataset version"),
        (ON_DRIFT, DRIFTED),
        (ON_WHAT_DRIFT_BROUGHT, DRIFTED),
    ],
)
def test_a_run_says_what_has_started_it(triggers, reason):
    assert explain(None, triggers) == reason


def test_the_reason_in_the_form_wins():
    assert explain("new camera", ON_DRIFT) == "new camera"
