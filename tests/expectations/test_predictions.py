"""Predictions against their rules: a good log passes, and each single defect is caught."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from expectations.predictions import FOLDER, validate
from model.dataset.lake import Lake
from model.errors import ValidationFailed
from model.monitoring.database import open_database
from model.monitoring.predictions import Prediction, add, prepare
from support.monitoring import predict

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'predictions.db'}")
    prepare(engine)
    yield engine
    engine.dispose()


def good_rows(**changes: Any) -> list[Prediction]:
    """Return twenty good predictions; `changes` spoil the one in the middle."""
    kinds = [("ai", 0.93, "ai"), ("real", 0.04, "real"), ("ai", 0.55, "unsure"), ("real", 0.21, "real")]
    rows = []
    for number in range(20):
        label, probability, decision = kinds[number % 4]
        facts = {
            "at": NOON - timedelta(seconds=number),
            "label": label,
            "probability": probability,
            "decision": decision,
        }
        rows.append(predict(number, **facts | (changes if number == 10 else {})))
    return rows


@pytest.fixture
def judge(engine: Engine, lake: Lake) -> Callable[..., str]:
    """Validate the rows at the time NOON."""

    def judge_rows(rows: list[Prediction], *, most: int = 1000) -> str:
        if rows:
            add(engine, rows)
        return validate(engine, lake, most=most, now=NOON)

    return judge_rows


def test_predictions_as_they_must_be_leave_a_page_and_a_result(judge: Callable[..., str], lake: Lake) -> None:
    assert judge(good_rows()) == "The newest 20 predictions break no rule."
    folder = lake.root / FOLDER / "2026-11-16"
    result = json.loads((folder / "validation.json").read_text())
    assert (result["success"], result["predictions"], result["last"]) == (True, 20, "2026-11-16T12:00:00+00:00")
    index = (folder / "docs" / "index.html").read_text()
    assert "probability is 0 to 1" in index
    assert "version.html" not in index
    assert [page.name for page in (folder / "docs").iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    ("changes", "rule", "found"),
    [
        ({"probability": 1.5}, "probability is 0 to 1", "probability is not 0 to 1"),
        ({"probability": -0.1}, "probability is 0 to 1", "probability is not 0 to 1"),
        ({"label": "fake"}, "label is one of real, ai", "label is none of real, ai"),
        ({"decision": "maybe"}, "decision is one of real, ai, unsure", "decision is none of real, ai, unsure"),
        (
            {"label": "real", "decision": "ai"},
            "Every decision agrees with its label",
            "decision differs from their label",
        ),
        (
            {"format": "PSD"},
            "format is one of JPEG, PNG, WEBP, BMP, TIFF, GIF, HEIC, AVIF",
            "format is none of JPEG, PNG, WEBP, BMP, TIFF, GIF, HEIC, AVIF",
        ),
        ({"width": 0}, "width is at least 1 pixel", "width is less than 1 pixel"),
        ({"height": -3}, "height is at least 1 pixel", "height is less than 1 pixel"),
        ({"bytes": 0}, "bytes is at least 1", "bytes is less than 1"),
        (
            {"at": NOON + timedelta(seconds=61)},
            "No time is more than 60 s ahead of this machine's clock",
            "time is more than 60 s ahead of this machine's clock",
        ),
        (
            {"model_version": "latest"},
            "model_version is a version number of the registry",
            "model_version is not a version number of the registry",
        ),
    ],
)
def test_what_cannot_be_is_named(
    judge: Callable[..., str], lake: Lake, changes: dict[str, object], rule: str, found: str
) -> None:
    with pytest.raises(ValidationFailed) as failed:
        judge(good_rows(**changes))
    assert f"break rules. Found: Predictions whose {found}: 1. See " in str(failed.value)
    assert "2026-11-16-broken/docs/index.html" in str(failed.value)
    result = json.loads((lake.root / FOLDER / "2026-11-16-broken" / "validation.json").read_text())
    assert [found["rule"] for found in result["results"] if not found["success"]] == [rule]


@pytest.mark.parametrize(
    ("rows", "warning"),
    [
        ([predict(n, at=NOON, decision="unsure") for n in range(20)], "decisions are 'unsure', more than 50%"),
        ([predict(n, at=NOON, probability=0.2) for n in range(20)], "decisions are for the less likely class"),
        ([predict(n, at=NOON, bytes=None) for n in range(20)], "predictions have no facts about their file"),
    ],
)
def test_what_is_only_unusual_warns(judge: Callable[..., str], rows: list[Prediction], warning: str) -> None:
    told = judge(rows)
    assert f"break no rule. Warnings: 100.0% of the {warning}" in told


def test_what_is_older_than_the_newest_is_not_looked_at(judge: Callable[..., str]) -> None:
    assert "The newest 5 predictions break no rule" in judge(good_rows(probability=1.5), most=5)


def test_an_empty_log_is_nothing_wrong(judge: Callable[..., str]) -> None:
    assert judge([]) == "There are no predictions yet."


def test_a_log_that_nobody_has_written_to_yet_is_empty(tmp_path: Path, lake: Lake) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new' / 'predictions.db'}")
    assert validate(engine, lake, most=10, now=NOON) == "There are no predictions yet."
    engine.dispose()
