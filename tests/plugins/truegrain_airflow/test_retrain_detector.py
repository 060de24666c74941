"""The reason of a training, from the events of its run, and the steps after the decision on its detector."""

from types import SimpleNamespace

import pytest

from model.errors import RegistryError, SettingsError
from model.evaluation.gate.decision import Decision
from model.evaluation.gate.rule import Rule
from truegrain_airflow import retrain_detector
from truegrain_airflow.assets import DATASET, DRIFT, read_drift
from truegrain_airflow.retrain_detector import decide, explain, promote, tell_approval

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


def test_the_limits_of_the_gate_are_those_of_the_operators_file(monkeypatch, tmp_path):
    monkeypatch.setenv("TRUEGRAIN_GATE_POLICY", str(tmp_path / "lax.toml"))
    with pytest.raises(SettingsError, match=r"lax\.toml"):
        decide("0" * 32, "by hand")


@pytest.mark.parametrize(
    ("promote", "ask", "setting", "param", "following"),
    [
        (True, False, "", False, "promote"),
        (True, False, "", True, "approve"),
        (True, False, "true", False, "approve"),
        (True, False, "false", False, "promote"),
        (False, False, "true", True, None),
        (False, True, "false", False, "approve"),
    ],
)
def test_a_person_is_asked_when_the_setting_or_the_form_says_so_and_when_the_gate_asks(
    monkeypatch: pytest.MonkeyPatch, *, promote: bool, ask: bool, setting: str, param: bool, following: str | None
) -> None:
    pushed: dict[str, object] = {}
    context = {"params": {"approval": param}, "ti": SimpleNamespace(xcom_push=pushed.__setitem__)}
    monkeypatch.setattr(retrain_detector, "get_current_context", lambda: context)
    monkeypatch.setenv("TRUEGRAIN_APPROVAL", setting)
    decision = Decision(promote, (Rule("accuracy", 0.9, 0.85, promote, "90.00 %"),), ask=ask)
    assert retrain_detector.follow(decision) == following
    assert pushed == {"decision": str(decision), "gate_asks": ask}


@pytest.mark.parametrize("response", [None, {"chosen_options": ["Reject"], "responded_by_user": {"name": "Ada"}}])
def test_marking_the_question_as_answered_promotes_nothing(response):
    with pytest.raises(RegistryError, match="nobody has approved this detector: clear the task 'approve'"):
        tell_approval(response, asked=True)
    assert tell_approval(None, asked=False) == ""


def test_marking_the_question_of_the_gate_as_answered_promotes_nothing(monkeypatch):
    told = {("decide", "gate_asks"): True}
    pull = SimpleNamespace(xcom_pull=lambda task, key="return_value": told.get((task, key)))
    monkeypatch.setattr(retrain_detector, "get_current_context", lambda: {"params": {"approval": False}, "ti": pull})
    with pytest.raises(RegistryError, match="nobody has approved this detector: clear the task 'approve'"):
        next(promote("0" * 32))


def test_the_reason_names_who_approved():
    response = {"chosen_options": ["Approve"], "responded_by_user": {"name": "Ada"}}
    assert tell_approval(response, asked=True) == ", approved by Ada"
