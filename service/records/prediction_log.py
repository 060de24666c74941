"""The prediction log: every verdict becomes a row of a database; it waits in an outbox until a thread writes it."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final, Literal

import structlog
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from model.monitoring import predictions as table
from model.monitoring.database import open_database
from model.monitoring.predictions import Prediction
from service.metrics.service import Metrics
from service.records.journals import read_journals
from service.records.outbox import Outbox
from service.records.retention import Retention
from service.status.prediction_log import LogStatus, State, name_cause, name_trouble

MOST_AT_ONCE: Final = 1_000

LINGER_SECONDS: Final = 1.0
"""How long a prediction waits for further ones, so that a busy service writes many rows at once."""

RETRY_SECONDS: Final = 2.0
"""Pause before a write to the database is tried again."""

TELL_SECONDS: Final = 10.0
"""How often the log's state is exported to Prometheus, even while the writing thread waits for the database."""

LOOK_SECONDS: Final = 60.0
"""How often the log looks for outboxes of dead workers."""

STOP_SECONDS: Final = 5.0
"""How long `stop` waits for the outbox to be written; the rest stays in the outbox for the next start."""

Place = Literal["outbox", "database"]

log = structlog.get_logger(__name__)


class PredictionLog:
    """Keeps predictions for `days` in the database at `url`; they wait for the database in an outbox under `home`.

    A request only adds a row to the outbox, so it never waits for the database.
    """

    def __init__(self, url: str, metrics: Metrics, *, days: int, home: Path) -> None:
        self.days = days
        self._engine = open_database(url)
        self._prepared = False
        self._retention = Retention(self._engine, days=days)
        self._metrics = metrics
        self._outboxes, self._journals = home / "outbox", home / "journal"
        self._outbox = Outbox(self._outboxes)
        self._abandoned: list[Outbox] = []
        self._look_at = monotonic()
        self._dropped = 0
        self._troubles: dict[Place, State] = {"outbox": "ok", "database": "ok"}
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Start the threads that write and that export the state; call it after the fork."""
        self._thread.start()
        threading.Thread(target=self._tell_for_ever, name="prediction-log-status", daemon=True).start()

    def stop(self) -> None:
        """Write for at most STOP_SECONDS what waits, then close the outboxes and the database."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)
        for outbox in (*self._abandoned, self._outbox):
            self._drop(outbox.close())
        self._engine.dispose()

    def record(self, prediction: Prediction) -> None:
        """Add a prediction to the outbox. It then survives this process, unless the disk is full."""
        if not self._outbox.append(prediction):
            self._drop(1)
        self._note("outbox", self._outbox.error)
        if not self._wake.is_set():  # setting it again would take a lock for nothing
            self._wake.set()

    def find(self, id_: str) -> Prediction | None:
        """Return a prediction of the last `days` by any worker, None when the database has none of that id.

        Raises SQLAlchemyError or OSError when the database cannot be reached.
        """
        self._prepare()
        return table.find(self._engine, id_, since=self._retention.first_kept())

    def status(self) -> LogStatus:
        """Return the present state of the log."""
        troubles = [state for state in self._troubles.values() if state != "ok"]
        outboxes = (*self._abandoned, self._outbox)
        return LogStatus(
            state=troubles[-1] if troubles else "ok",
            waiting=sum(outbox.rows for outbox in outboxes),
            lag_seconds=round(max(outbox.age for outbox in outboxes), 3),
            dropped=self._dropped,
        )

    def _drop(self, count: int, outcome: Literal["dropped", "unreadable"] = "dropped") -> None:
        self._dropped += count
        self._metrics.predictions_logged.labels(outcome).inc(count)

    def _note(self, place: Place, error: Exception | None) -> None:
        state = name_trouble(error) if error else "ok"
        if state != self._troubles[place]:
            log.warning("prediction log changed", place=place, state=state, cause=name_cause(error) if error else None)
        self._troubles[place] = state

    def _write_all(self) -> None:
        while not self._is_over():
            if self._troubles["database"] != "ok":
                self._stopped.wait(RETRY_SECONDS)
            elif self._wake.wait(LOOK_SECONDS):
                self._stopped.wait(LINGER_SECONDS)
            self._wake.clear()
            self._attempt()
            self._metrics.log_is(self.status())

    def _tell_for_ever(self) -> None:
        while not self._stopped.wait(TELL_SECONDS):
            self._metrics.log_is(self.status())

    def _is_over(self) -> bool:
        """Return whether the thread should end: it was told to stop, and nothing waits that can be written now."""
        return self._stopped.is_set() and (self._troubles["database"] != "ok" or self.status().waiting == 0)

    def _attempt(self) -> None:
        error: Exception | None = None
        try:
            self._step()
        except Exception as caught:  # the thread survives any error, and tries the same batch again
            if not isinstance(caught, (SQLAlchemyError, sqlite3.Error, OSError)):
                log.exception("prediction log stumbled")
            self._prepared = False  # the database may come back empty
            error = caught
        self._note("database", error)

    def _step(self) -> None:
        """Write what waits; raises SQLAlchemyError, sqlite3.Error or OSError when writing fails."""
        if monotonic() >= self._look_at:
            self._look_at = monotonic() + LOOK_SECONDS
            self._abandoned += Outbox.abandoned(self._outboxes)
        while self._write_some(self._outbox) == MOST_AT_ONCE:
            pass
        self._note("outbox", self._outbox.error)
        while self._abandoned:  # last: one that cannot be read must not delay our own
            while self._write_some(self._abandoned[0]):
                pass
            self._abandoned.pop(0).close()
        for batch in read_journals(self._journals, MOST_AT_ONCE):
            self._write(batch)
        if self._outbox.rows:  # predictions came meanwhile; write them after LINGER_SECONDS
            self._wake.set()
        if self._prepared:
            self._retention.step()

    def _write_some(self, outbox: Outbox) -> int:
        batch = outbox.peek(MOST_AT_ONCE)
        if batch:
            self._write(batch)
            outbox.forget()
        return len(batch)

    def _write(self, batch: Sequence[Prediction | None]) -> None:
        readable = [prediction for prediction in batch if prediction is not None]
        if readable:
            self._prepare()
            self._add(readable)
        self._drop(len(batch) - len(readable), "unreadable")

    def _add(self, batch: Sequence[Prediction]) -> None:
        """Add rows to the database. A row that the database refuses is given up; all other rows are written."""
        try:
            table.add(self._engine, batch)
        except (DataError, IntegrityError, ValueError) as error:
            self._refused(batch, error)
        else:
            self._metrics.predictions_logged.labels("written").inc(len(batch))

    def _refused(self, batch: Sequence[Prediction], error: Exception) -> None:
        """Add each half of a batch that was refused for `error`; give up a batch of one row."""
        if len(batch) > 1:
            self._add(batch[: len(batch) // 2])
            self._add(batch[len(batch) // 2 :])
            return
        log.error("prediction refused", id=batch[0].id, cause=name_cause(error))  # no traceback: it would quote the row
        self._metrics.predictions_logged.labels("refused").inc()

    def _prepare(self) -> None:
        if not self._prepared:
            table.prepare(self._engine)
            self._prepared = True
