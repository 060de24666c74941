"""The prediction log: every verdict as a row of a database, written in batches by a thread of its own."""

import queue
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from model import predictions as table
from model.predictions import Prediction
from service.metrics import Metrics

MOST_WAITING: Final = 10_000
"""Predictions held while the database is slow or away; those that find the queue full are dropped, and counted."""

MOST_AT_ONCE: Final = 1_000

LINGER_SECONDS: Final = 0.1
"""How long a prediction waits for others, so that a busy service does not write row by row."""

RETRY_SECONDS: Final = 2.0
"""Pause before a database that failed is tried again."""

CLEAR_SECONDS: Final = 3600.0
"""How often what is older than `days` is deleted."""

STOP_SECONDS: Final = 5.0
"""How long `stop` waits for what is queued to be written."""

log = structlog.get_logger(__name__)


class PredictionLog:
    """Remembers predictions for `days`. A request only ever puts one into a queue, whatever the database does."""

    def __init__(self, url: str, metrics: Metrics, *, days: int) -> None:
        self._engine = table.open_database(url)
        self._metrics = metrics
        self.days = days
        self._waiting: queue.Queue[Prediction | None] = queue.Queue(MOST_WAITING)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)
        self._prepared = False
        self._away = False
        self._clear_at = monotonic()

    def start(self) -> None:
        """Start writing; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, as far as STOP_SECONDS allow, and let go of the database."""
        self._stopped.set()
        with suppress(queue.Full):  # then the thread is at work, and need not be woken
            self._waiting.put_nowait(None)
        self._thread.join(STOP_SECONDS)
        self._engine.dispose()

    def record(self, prediction: Prediction) -> None:
        """Have a prediction written soon; it is dropped, and counted, when too many are waiting."""
        try:
            self._waiting.put_nowait(prediction)
        except queue.Full:
            self._metrics.predictions_logged.labels("dropped").inc()

    def find(self, id_: str) -> Prediction | None:
        """Return a prediction of the last `days`, by any worker; raises SQLAlchemyError when the database is away."""
        self._prepare()
        return table.find(self._engine, id_, since=self._first_kept())

    def _first_kept(self) -> datetime:
        return datetime.now(UTC) - timedelta(days=self.days)

    def _write_all(self) -> None:
        while batch := self._next_batch():
            self._write(batch)

    def _next_batch(self) -> list[Prediction]:
        """Wait for a prediction and return it with those that come shortly after; none once the log is stopped."""
        while not (self._stopped.is_set() and self._waiting.empty()):
            first = self._waiting.get()
            if first is not None:
                return [first, *self._those_behind()]
        return []

    def _those_behind(self) -> list[Prediction]:
        self._stopped.wait(LINGER_SECONDS)
        behind: list[Prediction | None] = []
        while len(behind) < MOST_AT_ONCE - 1 and not self._waiting.empty():
            behind.append(self._waiting.get())
        return [prediction for prediction in behind if prediction is not None]

    def _write(self, batch: list[Prediction]) -> None:
        """Write a batch, as often as it takes until the log is stopped: a database may be away for a while."""
        while not self._try_to_write(batch):
            if self._stopped.wait(RETRY_SECONDS):
                self._metrics.predictions_logged.labels("dropped").inc(len(batch))
                return
        self._metrics.predictions_logged.labels("written").inc(len(batch))

    def _try_to_write(self, batch: list[Prediction]) -> bool:
        try:
            self._prepare()
            self._clear()
            table.add(self._engine, batch)
        except (SQLAlchemyError, OSError) as error:
            if not self._away:
                log.warning("prediction log out of reach", cause=str(getattr(error, "orig", error)))
            self._away = True
            return False
        self._away = False
        return True

    def _prepare(self) -> None:
        if not self._prepared:
            table.prepare(self._engine)
            self._prepared = True

    def _clear(self) -> None:
        if monotonic() >= self._clear_at:
            self._clear_at = monotonic() + CLEAR_SECONDS
            table.forget(self._engine, until=self._first_kept())
