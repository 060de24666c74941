"""Predictions are kept even if the database fails, and no request waits for the database."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from pydantic import TypeAdapter
from sqlalchemy import Engine
from sqlalchemy.exc import DataError
from structlog.testing import capture_logs

from model.monitoring import database as engines
from model.monitoring import predictions as table
from model.monitoring.predictions import Prediction
from service.metrics.service import Metrics
from service.records import outbox, prediction_log, retention
from service.records.outbox import Outbox
from service.records.prediction_log import PredictionLog
from service.status import prediction_log as log_status
from support.monitoring import predict

Wait = Callable[..., None]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.05)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "home" / "predictions.db"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def open_log(database: Path, metrics: Metrics) -> Iterator[Callable[[], PredictionLog]]:
    """`open_log()` returns a log of that database; several logs share one home, as workers do."""
    logs: list[PredictionLog] = []

    def open_() -> PredictionLog:
        logs.append(PredictionLog(f"sqlite:///{database}", metrics, days=30, home=database.parents[1] / "run"))
        return logs[-1]

    yield open_
    for log in logs:
        if log._thread.is_alive():
            log.stop()


@pytest.fixture
def predictions(open_log: Callable[[], PredictionLog]) -> PredictionLog:
    return open_log()


@pytest.fixture
def locked(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that holds the lock on the existing database within the block."""
    engine = engines.open_database(f"sqlite:///{database}")
    table.prepare(engine)
    engine.dispose()
    connection = sqlite3.connect(database, check_same_thread=False)
    connection.execute("begin immediate")
    yield connection
    connection.close()


def count(database: Path) -> int:
    """Return the number of predictions in a database, 0 while it is missing or half made."""
    try:
        return _count(database)
    except sqlite3.OperationalError:
        return 0


def _count(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("select count(*) from predictions").fetchone()[0])


def logged(metrics: Metrics, outcome: str) -> float | None:
    return metrics.registry.get_sample_value("truegrain_predictions_logged_total", {"outcome": outcome})


def test_a_prediction_is_found_as_it_was_recorded(predictions: PredictionLog) -> None:
    predictions.start()
    given = predict(1, embedding=b"\1\2")
    predictions.record(given)
    predictions.stop()
    assert predictions.find(given.id) == given
    assert predictions.find("f" * 32) is None


def test_nothing_touches_the_disk_before_the_first_prediction(predictions: PredictionLog, tmp_path: Path) -> None:
    predictions.start()
    predictions.stop()
    assert list(tmp_path.iterdir()) == []


def test_all_that_waits_is_written_before_the_end(
    predictions: PredictionLog, database: Path, metrics: Metrics, tmp_path: Path
) -> None:
    for number in range(2 * prediction_log.MOST_AT_ONCE + 7):
        predictions.record(predict(number))
    assert predictions.status().waiting == 2 * prediction_log.MOST_AT_ONCE + 7
    predictions.start()
    predictions.stop()
    assert count(database) == 2 * prediction_log.MOST_AT_ONCE + 7
    assert logged(metrics, "written") == 2 * prediction_log.MOST_AT_ONCE + 7
    assert list((tmp_path / "run" / "outbox").iterdir()) == []


def test_what_comes_while_others_are_written_is_written_too(
    predictions: PredictionLog, database: Path, wait_until: Wait
) -> None:
    predictions.start()
    for number in range(300):
        predictions.record(predict(number))
    wait_until(lambda: count(database) == 300, what="the predictions, though nobody stops the log")


def test_a_log_that_is_locked_says_so_and_catches_up(
    predictions: PredictionLog, locked: sqlite3.Connection, database: Path, metrics: Metrics, wait_until: Wait
) -> None:
    predictions.start()
    predictions.record(predict(1))
    wait_until(lambda: predictions.status().state == "locked", what="the trouble to be named")
    [trouble] = predictions.status().troubles()
    assert "the prediction log is locked" in trouble and "1 predictions wait" in trouble
    assert metrics.registry.get_sample_value("truegrain_prediction_log_state", {"state": "locked"}) == 1
    assert metrics.registry.get_sample_value("truegrain_prediction_log_waiting") == 1
    locked.rollback()
    wait_until(lambda: count(database) == 1 and predictions.status().state == "ok", what="the log to catch up")
    assert predictions.status().troubles() == []
    assert predictions.status().lag_seconds == 0


def test_a_database_that_is_full_is_named_and_loses_nothing(
    predictions: PredictionLog, database: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(engine: Engine, batch: list[Prediction]) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("pragma max_page_count = 1")
        write(engine, batch)

    write = table.add
    monkeypatch.setattr(table, "add", fill)
    for number in range(200):
        predictions.record(predict(number))
    predictions.start()
    wait_until(lambda: predictions.status().state == "full", what="the trouble to be named")
    predictions._engine.dispose()
    monkeypatch.setattr(table, "add", write)
    wait_until(lambda: count(database) == 200, what="the log to catch up")


def test_a_database_that_stays_away_leaves_its_predictions_to_the_next_start(
    predictions: PredictionLog, open_log: Callable[[], PredictionLog], database: Path, metrics: Metrics
) -> None:
    database.parent.touch()
    predictions.record(predict(1))
    predictions.start()
    predictions.stop()
    assert predictions.status().state == "gone"
    database.parent.unlink()
    log = open_log()
    log.start()
    log.stop()
    assert count(database) == 1
    assert logged(metrics, "dropped") == 0


def test_a_database_that_was_deleted_is_made_anew(predictions: PredictionLog, database: Path, wait_until: Wait) -> None:
    predictions.start()
    predictions.record(predict(1))
    wait_until(lambda: predictions.find(predict(1).id), what="the first prediction")
    for file in database.parent.iterdir():
        file.unlink()
    predictions.record(predict(2))
    wait_until(lambda: count(database) == 1, what="the second prediction in a new database")


@contextlib.contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no outbox be created within the block: not even its table has room."""
    with monkeypatch.context() as full:
        full.setattr(outbox, "MOST_BYTES", 4096)
        yield


def test_an_outbox_that_cannot_be_written_costs_nothing_while_memory_lasts(
    predictions: PredictionLog, database: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = predictions
    monkeypatch.setattr(outbox, "MOST_IN_MEMORY", 5)
    with no_room(monkeypatch):
        for number in range(8):
            log.record(predict(number))
    status = log.status()
    assert (status.state, status.waiting, status.dropped) == ("full", 5, 3)
    assert status.lag_seconds <= log.status().lag_seconds
    waits, lost = status.troubles()
    assert "the prediction log is full" in waits
    assert "lost 3 predictions" in lost
    log.start()
    log.stop()
    assert count(database) == 5
    assert logged(metrics, "dropped") == 3


def test_what_waits_in_memory_is_written_though_no_more_comes(
    predictions: PredictionLog, database: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "MOST_AT_ONCE", 3)
    with no_room(monkeypatch):
        for number in range(8):
            predictions.record(predict(number))
        predictions.start()
        wait_until(lambda: count(database) == 8, what="the predictions, though nobody stops the log")


def test_what_waits_in_memory_at_the_end_goes_into_the_outbox_if_it_can(
    predictions: PredictionLog,
    open_log: Callable[[], PredictionLog],
    database: Path,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.parent.touch()
    with no_room(monkeypatch):
        predictions.record(predict(1))
        predictions.start()
        wait_until(lambda: predictions.status().state == "gone", what="the database to be missed")
    predictions.stop()
    database.parent.unlink()
    log = open_log()
    log.start()
    log.stop()
    assert count(database) == 1


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Writes to the database hang until `hung()` is called."""
    released, write = threading.Event(), table.add

    def hang(engine: Engine, batch: list[Prediction]) -> None:
        released.wait()
        write(engine, batch)

    monkeypatch.setattr(table, "add", hang)
    yield released.set
    released.set()


def test_a_database_that_hangs_is_seen_though_the_thread_that_writes_says_nothing(
    predictions: PredictionLog,
    hung: Callable[[], None],
    metrics: Metrics,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prediction_log, "TELL_SECONDS", 0.01)
    monkeypatch.setattr(log_status, "LATE_SECONDS", 0)
    predictions.start()
    predictions.record(predict(1))
    lag = partial(metrics.registry.get_sample_value, "truegrain_prediction_log_lag_seconds")
    wait_until(lambda: (lag() or 0) > 0, what="the metric to tell of it")
    earlier = lag() or 0
    wait_until(lambda: (lag() or 0) > earlier, what="the metric to grow")
    [trouble] = predictions.status().troubles()
    assert "the prediction log is late" in trouble and "1 predictions wait" in trouble
    hung()


def test_what_waits_in_memory_for_a_database_that_hangs_is_left_to_the_next_start(
    predictions: PredictionLog,
    hung: Callable[[], None],
    database: Path,
    tmp_path: Path,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prediction_log, "STOP_SECONDS", 0.1)
    with no_room(monkeypatch):
        for number in range(8):
            predictions.record(predict(number))
        predictions.start()
        wait_until(database.exists, what="the database to hang")
    predictions.stop()
    [left] = Outbox.abandoned(tmp_path / "run" / "outbox")
    assert [row and row.id for row in left.peek(10)] == [predict(number).id for number in range(8)]
    left.close()
    hung()
    predictions._thread.join()
    predictions._engine.dispose()


def leave_behind(root: Path, count: int) -> Path:
    """Write the outbox of a worker that ended, and return its file."""
    left = Outbox(root)
    for number in range(count):
        assert left.append(predict(number))
    [file] = root.glob("*.outbox")
    left.close()
    return file


def test_an_abandoned_outbox_that_cannot_be_read_holds_up_no_other(
    predictions: PredictionLog,
    database: Path,
    tmp_path: Path,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: int) -> list[Prediction | None]:
        raise sqlite3.OperationalError("disk I/O error")

    unreadable = leave_behind(tmp_path / "run" / "outbox", 1)
    [left] = Outbox.abandoned(unreadable.parent)
    monkeypatch.setattr(left, "peek", fail)
    predictions._abandoned.append(left)
    predictions.start()
    predictions.record(predict(1))
    wait_until(lambda: count(database) == 1, what="the prediction of this worker")
    wait_until(lambda: predictions.status().state == "gone", what="the trouble to be named")
    assert unreadable.exists()


def test_an_outbox_that_is_damaged_is_named_and_counted_and_the_log_goes_on(
    predictions: PredictionLog, database: Path, metrics: Metrics, tmp_path: Path, wait_until: Wait
) -> None:
    file = leave_behind(tmp_path / "run" / "outbox", 100)
    with file.open("r+b") as opened:
        opened.seek(5 * 4096)
        opened.write(bytes(4096))
    [predictions._outbox] = Outbox.abandoned(file.parent)
    predictions.start()
    predictions.record(predict(100))
    wait_until(lambda: predictions.status().state == "failing", what="the trouble to be named")
    predictions.record(predict(101))
    wait_until(lambda: count(database) == 1 and predictions.status().state == "ok", what="the log to go on")
    assert logged(metrics, "unreadable") == predictions.status().dropped == 101
    [trouble] = predictions.status().troubles()
    assert "lost 101 predictions" in trouble and "their outbox is damaged" in trouble


def test_an_abandoned_outbox_that_is_damaged_is_counted(
    predictions: PredictionLog, metrics: Metrics, tmp_path: Path
) -> None:
    leave_behind(tmp_path / "run" / "outbox", 3).write_bytes(b"no database at all" * 1000)
    predictions.start()
    predictions.stop()
    assert logged(metrics, "unreadable") == predictions.status().dropped == 1


def test_a_row_that_the_database_refuses_costs_no_other(
    predictions: PredictionLog, database: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(engine: Engine, batch: list[Prediction]) -> None:
        if any(prediction.client == "bad" for prediction in batch):
            raise DataError("insert", {}, ValueError("too long\nDETAIL: Failing row contains (bad)"))
        write(engine, batch)

    write = table.add
    monkeypatch.setattr(table, "add", refuse)
    for number in range(20):
        predictions.record(predict(number, client="bad" if number == 7 else "shop"))
    with capture_logs() as lines:
        predictions.start()
        predictions.stop()
    assert count(database) == 19
    assert [line for line in lines if line["event"] == "prediction refused"] == [
        {"event": "prediction refused", "log_level": "error", "id": predict(7).id, "cause": "too long"}
    ]
    assert (logged(metrics, "refused"), logged(metrics, "written")) == (1, 19)


def test_whatever_goes_wrong_the_predictions_after_it_are_written(
    predictions: PredictionLog, database: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError("nobody thought of this")]
    write = table.add

    def stumble(engine: Engine, batch: list[Prediction]) -> None:
        if failures:
            raise failures.pop()
        write(engine, batch)

    monkeypatch.setattr(table, "add", stumble)
    predictions.start()
    predictions.record(predict(1))
    wait_until(lambda: count(database) == 1, what="the prediction")


def test_a_row_that_cannot_be_read_from_an_outbox_is_counted(
    predictions: PredictionLog, database: Path, metrics: Metrics, tmp_path: Path
) -> None:
    file = leave_behind(tmp_path / "run" / "outbox", 3)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE waiting SET prediction = ? WHERE number = 1", (b"[",))
    predictions.start()
    predictions.stop()
    assert count(database) == 2
    assert logged(metrics, "unreadable") == predictions.status().dropped == 1


def test_what_an_earlier_release_left_in_a_journal_is_written(
    predictions: PredictionLog, database: Path, metrics: Metrics, tmp_path: Path
) -> None:
    file = tmp_path / "run" / "journal" / "e5c1" / "000000001.jsonl"
    file.parent.mkdir(parents=True)
    rows = [TypeAdapter(Prediction).dump_json(predict(number)) for number in range(3)]
    file.write_bytes(b"\n".join([*rows, b'{"id": "cut o']))
    predictions.start()
    predictions.stop()
    assert count(database) == 3
    assert logged(metrics, "unreadable") == 1
    assert not (tmp_path / "run" / "journal").exists()


def test_old_predictions_are_not_found(predictions: PredictionLog) -> None:
    old, recent = predict(1, days_ago=31), predict(2, days_ago=29)
    predictions.record(old)
    predictions.record(recent)
    predictions.start()
    predictions.stop()
    assert predictions.find(old.id) is None
    assert predictions.find(recent.id) == recent


def test_old_predictions_are_deleted(
    predictions: PredictionLog, database: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEADY_SECONDS", 0)
    predictions.record(predict(1, days_ago=31))
    predictions.record(predict(2, days_ago=29))
    predictions.start()
    wait_until(lambda: predictions.find(predict(2).id) and count(database) == 1, what="the old prediction to go")


def test_several_processes_write_to_the_same_file(
    open_log: Callable[[], PredictionLog], database: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 10)
    logs = [open_log() for _ in range(4)]
    for number, log in enumerate(logs):
        for row in range(50):
            log.record(predict(100 * number + row))
        log.start()
    for log in logs:
        log.stop()
    assert count(database) == 200
    assert logged(metrics, "dropped") == 0


def test_every_verdict_is_remembered_with_the_facts_of_its_file(
    app: APIFlask, client: FlaskClient, publish: Callable[..., object], draw: Callable[..., bytes]
) -> None:
    publish("7")
    app.extensions["truegrain"].store.refresh()
    image = draw()
    answer = client.post("/predict", data=image, content_type="image/jpeg").json
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
    assert (kept.width, kept.height, kept.format, kept.bytes, kept.jpeg_quality) == (48, 40, "JPEG", len(image), 75)
    assert (kept.decode_ms, kept.inference_ms) == (answer["timings_ms"]["decode"], answer["timings_ms"]["inference"])
