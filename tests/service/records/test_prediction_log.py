"""What was predicted is remembered, and no request waits for that."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from made_predictions import predict
from model import predictions as prediction_table
from model.errors import SettingsError
from model.predictions import Prediction
from service.metrics import Metrics
from service.records import prediction_log
from service.records.prediction_log import PredictionLog


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "LINGER_SECONDS", 0.01)
    monkeypatch.setattr(prediction_log, "RETRY_SECONDS", 0.01)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "home" / "predictions.db"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def predictions(database: Path, metrics: Metrics) -> Iterator[PredictionLog]:
    log = PredictionLog(f"sqlite:///{database}", metrics, days=30)
    yield log
    if log._thread.is_alive():
        log.stop()


def count(database: Path) -> int:
    connection = sqlite3.connect(database)
    (found,) = connection.execute("select count(*) from predictions").fetchone()
    connection.close()
    return int(found)


def logged(metrics: Metrics, outcome: str) -> float | None:
    return metrics.registry.get_sample_value("truegrain_predictions_logged_total", {"outcome": outcome})


def test_a_prediction_is_found_as_it_was_recorded(predictions: PredictionLog) -> None:
    predictions.start()
    given = predict(1)
    predictions.record(given)
    predictions.stop()
    assert predictions.find(given.id) == given
    assert predictions.find("f" * 32) is None


def test_nothing_touches_the_disk_before_the_first_prediction(predictions: PredictionLog, database: Path) -> None:
    predictions.start()
    predictions.stop()
    assert not database.parent.exists()


def test_all_that_waits_is_written_before_the_end(predictions: PredictionLog, database: Path, metrics: Metrics) -> None:
    for number in range(2 * prediction_log.MOST_AT_ONCE + 7):
        predictions.record(predict(number))
    predictions.start()
    predictions.stop()
    assert count(database) == 2 * prediction_log.MOST_AT_ONCE + 7
    assert logged(metrics, "written") == 2 * prediction_log.MOST_AT_ONCE + 7


def test_predictions_that_find_the_queue_full_are_dropped_and_counted(
    database: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "MOST_WAITING", 5)
    log = PredictionLog(f"sqlite:///{database}", metrics, days=30)
    for number in range(8):
        log.record(predict(number))
    assert logged(metrics, "dropped") == 3
    log.start()
    log.stop()
    assert count(database) == 5, "those that wait are written, though the queue has no room for a word to stop"


def test_a_database_that_is_away_for_a_while_loses_nothing(
    predictions: PredictionLog, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, written = [OperationalError("insert", {}, Exception("away"))] * 3, threading.Event()
    write = prediction_table.add

    def fail_at_first(engine: Engine, batch: list[Prediction]) -> None:
        if failures:
            raise failures.pop()
        write(engine, batch)
        written.set()

    monkeypatch.setattr(prediction_table, "add", fail_at_first)
    predictions.record(predict(1))
    predictions.start()
    assert written.wait(20)
    predictions.stop()
    assert count(database) == 1


def test_a_database_that_stays_away_costs_the_predictions_and_not_the_end(tmp_path: Path, metrics: Metrics) -> None:
    (tmp_path / "file").touch()
    log = PredictionLog(f"sqlite:///{tmp_path}/file/predictions.db", metrics, days=30)
    log.record(predict(1))
    log.start()
    log.stop()
    assert not log._thread.is_alive()
    assert logged(metrics, "dropped") == 1


def test_old_predictions_are_neither_found_nor_kept(predictions: PredictionLog, database: Path) -> None:
    old, recent = predict(1, days_ago=31), predict(2, days_ago=29)
    prediction_table.prepare(predictions._engine)
    prediction_table.add(predictions._engine, [old])
    assert predictions.find(old.id) is None
    predictions.record(recent)
    predictions.start()
    predictions.stop()
    assert predictions.find(recent.id) == recent
    assert count(database) == 1


def test_several_processes_write_to_the_same_file(database: Path, metrics: Metrics) -> None:
    logs = [PredictionLog(f"sqlite:///{database}", metrics, days=30) for _ in range(4)]
    for number, log in enumerate(logs):
        for row in range(50):
            log.record(predict(100 * number + row))
        log.start()
    for log in logs:
        log.stop()
    assert count(database) == 200
    assert logged(metrics, "dropped") is None


@pytest.mark.parametrize("url", ["nonsense", "nosuchdatabase://host/name", "postgresql+nosuchdriver://host/name"])
def test_an_address_that_is_none_is_a_wrong_setting(metrics: Metrics, url: str) -> None:
    with pytest.raises(SettingsError, match="TRUEGRAIN_PREDICTIONS"):
        PredictionLog(url, metrics, days=30)


def test_every_verdict_is_remembered(
    app: APIFlask, client: FlaskClient, publish: Callable[..., object], draw: Callable[..., bytes]
) -> None:
    publish("7")
    app.extensions["truegrain"].store.refresh()
    answer = client.post("/predict", data=draw(), content_type="image/jpeg").json
    app.extensions["truegrain"].predictions.stop()
    assert answer is not None
    kept = app.extensions["truegrain"].predictions.find(answer["id"])
    assert (kept.model_version, kept.image_sha256, kept.probability, kept.decision, kept.client) == (
        "7",
        answer["image"]["sha256"],
        answer["probability"],
        "ai",
        "anonymous",
    )
