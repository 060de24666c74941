from types import SimpleNamespace

import pytest

from model.evaluation.gate.decision import Decision
from model.evaluation.gate.rule import Rule
from truegrain_airflow import approval


@pytest.mark.parametrize(
    ("promote", "setting", "param", "following"),
    [
        (True, "", False, "promote"),
        (True, "", True, "approve"),
        (True, "true", False, "approve"),
        (True, "false", False, "promote"),
        (False, "true", True, None),
    ],
)
def test_a_person_is_asked_about_what_passed_when_the_setting_or_the_form_says_so(
    monkeypatch: pytest.MonkeyPatch, *, promote: bool, setting: str, param: bool, following: str | None
) -> None:
    pushed: dict[str, str] = {}
    context = {"params": {"approval": param}, "ti": SimpleNamespace(xcom_push=pushed.__setitem__)}
    monkeypatch.setattr(approval, "get_current_context", lambda: context)
    monkeypatch.setenv("TRUEGRAIN_APPROVAL", setting)
    decision = Decision(promote, (Rule("accuracy", 0.9, 0.85, promote, "90.00 %"),))
    assert approval.follow(decision) == following
    assert pushed == {"decision": str(decision)}
