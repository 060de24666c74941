"""When a person is asked about reports, and what the page then shows."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model.dataset.lake import Lake
from support.small_images import labelled
from support.user_reports import say, write_said
from truegrain_airflow import review_feedback


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TRUEGRAIN_HOME", str(tmp_path))
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The XComs that the task pushed."""
    left: dict[str, Any] = {}
    context = {"ti": SimpleNamespace(xcom_push=left.__setitem__)}
    monkeypatch.setattr(review_feedback, "get_current_context", lambda: context)
    return left


def test_what_reporters_agree_on_asks_nobody_and_shows_nothing(lake: Lake, pushed: dict[str, Any]) -> None:
    page = lake.root / "feedback" / "review.html"
    for client in ("ada", "bob"):
        write_said(lake.root, say(client), labelled(1, "ai").data)
    assert review_feedback.settle() == "ask"
    assert page.exists()
    pushed.clear()
    write_said(lake.root, say("cyd"), labelled(1, "ai").data)
    assert review_feedback.settle() is None
    assert not page.exists()
    assert pushed == {}


def test_a_person_is_told_which_image_has_which_number(lake: Lake, pushed: dict[str, Any]) -> None:
    lone = write_said(lake.root, say("ada"), labelled(1, "ai").data)
    pair = [write_said(lake.root, say(client, "real"), labelled(2, "ai").data) for client in ("ada", "bob")]
    assert review_feedback.settle() == "ask"
    assert pushed["images"] == [pair[0].image_sha256, lone.image_sha256]
    assert "| 1 | real | ada, bob |" in pushed["question"]
    assert str(lake.root / "feedback" / "review.html") in pushed["question"]


def test_before_anything_was_reported_there_is_nothing_to_do(lake: Lake, pushed: dict[str, Any]) -> None:
    assert review_feedback.settle() is None
    assert pushed == {}
    assert not lake.root.exists()
