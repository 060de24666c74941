"""The prediction log: every verdict as a row of a database, by way of a journal, written by a thread of its own."""

import threading
from pathlib import Path
from time import monotonic
from typing import Final, Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError

from model.monitoring.database import open_database
from model.monitoring.predictions import Prediction
from service.metrics.service import Metrics
from service.records.journal import Journal
from service.records.memory import Memory
from service.records.prediction_writer import Writer
from service.records.retention import Retention
from service.status.prediction_log import LogStatus, State, name_cause, name_trouble

MOST_IN_MEMORY: Final = 10_000
"""Predictions held while the journal cannot be written; those that find no place here are dropped, and counted."""

MOST_AT_ONCE: Final = 1_000

LINGER_SECONDS: Final = 1.0
"""How long a prediction waits for others, so that a busy service does not write row by row."""

RETRY_SECONDS: Final = 2.0
"""Pause before a database that failed is tried again."""

TELL_SECONDS: Final = 10.0
"""How often Prometheus is told how the log is, also while the database holds up the thread that writes."""

LOOK_SECONDS: Final = 60.0
"""How often the journals of workers that died are looked for."""

STOP_SECONDS: Final = 5.0
"""How long `stop` waits for what the journal holds to be written; the rest stays in it for the next start."""

Place = Literal["journal", "database"]

log = structlog.get_logger(__name__)


class PredictionLog:
    """Remembers predictions for `days` in the database at `url`; `journals` is the folder in which they wait for it.

    A request only ever adds a line to a file, whatever the database does.
    """

    def __init__(self, url: str, metrics: Metrics, *, days: int, journals: Path) -> None:
        self.days = days
        self._engine = open_database(url)
        self._writer = Writer(self._engine, metrics)
        self._retention = Retention(self._engine, days=days)
        self._metrics = metrics
        self._journals = journals
        self._journal = Journal(journals)
        self._abandoned: list[Journal] = []
        self._look_at = monotonic()
        self._memory = Memory(MOST_IN_MEMORY)
        self._dropped = 0
        self._troubles: dict[Place, State] = {"journal": "ok", "database": "ok"}
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Start writing; call it after the fork."""
        self._thread.start()
        threading.Thread(target=self._tell_for_ever, name="prediction-log-status", daemon=True).start()

    def stop(self) -> None:
        """Write what waits, as far as STOP_SECONDS and the database allow; close the journals and the database."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)
        for prediction in self._memory.take_all():  # one that the thread is writing too is in the database once
            if not self._keep(prediction):
                self._drop()
        for journal in (*self._abandoned, self._journal):
            journal.close()
        self._engine.dispose()

    def record(self, prediction: Prediction) -> None:
        """Have a prediction written soon; it survives this process once this returns, unless its disk is full."""
        if not self._keep(prediction) and not self._memory.hold(prediction):
            self._drop()
        if not self._wake.is_set():  # to set it again takes a lock and looks for whom to wake
            self._wake.set()

    def find(self, id_: str) -> Prediction | None:
        """Return a prediction of the last `days`, by any worker.

        Raises SQLAlchemyError or OSError when the database is away.
        """
        return self._writer.find(id_, since=self._retention.first_kept())

    def status(self) -> LogStatus:
        """Return how the log is now."""
        troubles = [state for state in self._troubles.values() if state != "ok"]
        journals = (*self._abandoned, self._journal)
        return LogStatus(
            state=troubles[-1] if troubles else "ok",
            waiting=sum(journal.rows for journal in journals) + len(self._memory),
            lag_seconds=round(max(self._memory.age, *(journal.age for journal in journals)), 3),
            dropped=self._dropped,
        )

    def _keep(self, prediction: Prediction) -> bool:
        """Put a prediction into the journal; tell whether that could be written."""
        try:
            self._journal.append(prediction)
        except OSError as error:
            self._note("journal", name_trouble(error), error)
            return False
        self._note("journal", "ok")
        return True

    def _drop(self) -> None:
        self._dropped += 1
        self._metrics.predictions_logged.labels("dropped").inc()

    def _note(self, place: Place, state: State, error: Exception | None = None) -> None:
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
        """Tell whether the thread is told to stop, and nothing waits that can be written now."""
        return self._stopped.is_set() and (self._troubles["database"] != "ok" or self.status().waiting == 0)

    def _attempt(self) -> None:
        try:
            self._step()
        except Exception as error:  # the thread outlives whatever it is, and tries the same batch again
            if not isinstance(error, (SQLAlchemyError, OSError)):
                log.exception("prediction log stumbled")
            self._writer.prepared = False  # it may come back as another one, and empty
            self._note("database", name_trouble(error), error)
        else:
            self._note("database", "ok")

    def _step(self) -> None:
        """Write what waits; raises SQLAlchemyError or OSError when the database is away."""
        if monotonic() >= self._look_at:
            self._look_at = monotonic() + LOOK_SECONDS
            self._abandoned += Journal.abandoned(self._journals)
        while self._write_some(self._journal) == MOST_AT_ONCE:
            pass
        self._write_memory()
        while self._abandoned:  # last, for one that cannot be read must not hold up our own
            while self._write_some(self._abandoned[0]):
                pass
            self._abandoned.pop(0).close()
        if self._journal.rows or len(self._memory):  # what came meanwhile lingers for others
            self._wake.set()
        if self._writer.prepared:
            self._retention.step()

    def _write_some(self, journal: Journal) -> int:
        batch = journal.peek(MOST_AT_ONCE)
        if batch:
            self._writer.write([prediction for prediction in batch if prediction is not None])
            self._metrics.predictions_logged.labels("unreadable").inc(batch.count(None))
            journal.advance()
        return len(batch)

    def _write_memory(self) -> None:
        batch = self._memory.peek(MOST_AT_ONCE)
        self._writer.write([held.prediction for held in batch])
        self._memory.forget(batch)
