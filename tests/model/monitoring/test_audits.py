"""Predictions are drawn at random, labelled by a person, and give the accuracy."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from model.monitoring import predictions
from model.monitoring.audits import AUDITED, Drawn, draw, forget, keep, prepare, summarise
from model.monitoring.database import open_database
from model.monitoring.terms import Audit
from support.monitoring import predict

SHA256 = "5e" * 32


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'predictions.db'}")
    prepare(engine)
    yield engine
    engine.dispose()


def log(engine: Engine, numbers: range, **changes: object) -> None:
    predictions.add(engine, [predict(number, **changes) for number in numbers])


def lately(engine: Engine, *, most: int, days: float = 7) -> list[Drawn]:
    now = datetime.now(UTC)
    return draw(engine, most=most, since=now - timedelta(days=days), until=now)


def test_each_prediction_of_the_newest_version_has_the_same_chance(engine: Engine) -> None:
    log(engine, range(100, 120), days_ago=1, model_version="6")
    log(engine, range(20), days_ago=0.5)
    log(engine, range(200, 220), days_ago=8)
    counted = Counter(one.id for _ in range(100) for one in lately(engine, most=5))
    assert counted.keys() == {f"{number:032x}" for number in range(20)}
    assert all(10 <= times <= 45 for times in counted.values())


def test_what_was_drawn_before_is_not_drawn_again(engine: Engine) -> None:
    log(engine, range(20), days_ago=0.1)
    first = lately(engine, most=12)
    keep(engine, first, {}, now=datetime.now(UTC))
    second = lately(engine, most=12)
    assert (len(first), len(second)) == (12, 8)
    assert not {one.id for one in first} & {one.id for one in second}
    keep(engine, [*first, *second], {}, now=datetime.now(UTC))
    assert lately(engine, most=12) == []


def test_no_predictions_are_no_draw(engine: Engine) -> None:
    assert lately(engine, most=5) == []


def summary(engine: Engine, *, sha256: str = SHA256, days: float = 30) -> Audit | None:
    since = datetime.now(UTC) - timedelta(days=days)
    return summarise(engine, model_version="7", model_sha256=sha256, since=since)


def test_the_labels_give_the_accuracy_and_what_a_person_cannot_tell_is_left_out(engine: Engine) -> None:
    log(engine, range(90), days_ago=0.1)
    log(engine, range(90, 100), days_ago=0.1, label="real", probability=0.2)
    drawn = lately(engine, most=100)
    truth: dict[str, str | None] = {one.id: "ai" for one in drawn}  # so the ten called real are wrong
    unknown = [one.id for one in drawn if one.label == "ai"][:10]
    assert summary(engine) is None
    keep(engine, drawn, truth | dict.fromkeys(unknown), now=datetime.now(UTC))
    found = summary(engine)
    assert found is not None
    assert (found.drawn, found.labelled) == (100, 90)
    assert found.accuracy.low < 80 / 90 < found.accuracy.high
    assert summary(engine, sha256="00" * 32) is None, "another detector of that number"


def test_an_audit_holds_neither_client_nor_image_and_is_forgotten(engine: Engine) -> None:
    assert {column["name"] for column in inspect(engine).get_columns(AUDITED.name)}.isdisjoint(
        {"client", "image_sha256"}
    )
    log(engine, range(10), days_ago=0.1)
    drawn = lately(engine, most=10)
    keep(engine, drawn, {one.id: "ai" for one in drawn}, now=datetime.now(UTC) - timedelta(days=2))
    assert summary(engine) is not None
    forget(engine, until=datetime.now(UTC) - timedelta(days=1))
    assert summary(engine) is None
