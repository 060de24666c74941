"""What a person is asked about random predictions, and what becomes of the answers."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from model.errors import FeedbackError
from model.monitoring import audits, predictions
from model.monitoring.database import open_database
from model.monitoring.terms import Audit
from support.monitoring import predict
from truegrain_airflow import audit_traffic


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'predictions.db'}"
    monkeypatch.setenv("TRUEGRAIN_PREDICTIONS", url)
    return url


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run the tasks in their order, with a person's answer between them; returns the XComs."""

    def run(*, ai: list[str], real: list[str], option: str = "Keep my answers") -> dict[str, Any]:
        left: dict[str, Any] = {}
        monkeypatch.setattr(audit_traffic, "read", {"predictions": 30, "days": None}.get)
        task = SimpleNamespace(xcom_push=left.__setitem__, xcom_pull=left.__getitem__)
        monkeypatch.setattr(audit_traffic, "get_current_context", lambda: {"ti": task})
        left["draw"] = audit_traffic.draw()
        left["ask"] = {"chosen_options": [option], "params_input": {"ai": ai, "real": real}}
        audit_traffic.keep()
        return left

    return run


def log(url: str) -> None:
    with closing(SimpleNamespace(close=(engine := open_database(url)).dispose)):
        predictions.prepare(engine)
        predictions.add(engine, [predict(number, days_ago=0.1) for number in range(20)])


def summarise(url: str) -> Audit | None:
    engine = open_database(url)
    since = datetime.now(UTC) - timedelta(days=30)
    found = audits.summarise(engine, model_version="7", model_sha256="5e" * 32, since=since)
    engine.dispose()
    return found


def test_a_person_sees_where_to_look_and_no_verdict_and_the_answers_are_kept(
    url: str, answer: Callable[..., dict[str, Any]]
) -> None:
    log(url)
    question = answer(ai=["1-15"], real=["16-18"])["question"]
    assert "These are 20 predictions" in question
    assert question.count("| shop |") == 20
    assert "0.97" not in question and " ai " not in question
    found = summarise(url)
    assert found is not None
    assert (found.drawn, found.labelled, found.accuracy.value) == (20, 18, pytest.approx(15 / 18))


def test_a_question_that_is_left_keeps_nothing(url: str, answer: Callable[..., dict[str, Any]]) -> None:
    log(url)
    with pytest.raises(AirflowSkipException, match="the question was left"):
        answer(ai=["1"], real=[], option="Leave them all")
    assert summarise(url) is None


def test_a_wrong_number_keeps_nothing(url: str, answer: Callable[..., dict[str, Any]]) -> None:
    log(url)
    with pytest.raises(FeedbackError, match="'21' is no number from 1 to 20"):
        answer(ai=["1", "21"], real=[])
    assert summarise(url) is None


def test_without_predictions_nobody_is_asked(url: str, answer: Callable[..., dict[str, Any]]) -> None:  # noqa: ARG001
    with pytest.raises(AirflowSkipException, match="no predictions within 7 days"):
        answer(ai=[], real=[])
