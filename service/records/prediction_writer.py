"""Writes predictions into the database, and finds them there again."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from model.monitoring import predictions as table
from model.monitoring.predictions import Prediction
from service.metrics.service import Metrics
from service.status.prediction_log import name_cause

log = structlog.get_logger(__name__)


class Writer:
    """Writes into the database of `engine`; `prepared` says that its table was seen there."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self.prepared = False

    def write(self, batch: Sequence[Prediction]) -> None:
        """Write a batch; what the database refuses for what it is, is counted, and costs no other its place.

        Raises SQLAlchemyError or OSError when the database is away; the batch may then be written again.
        """
        if not batch:
            return
        self._prepare()
        try:
            table.add(self._engine, batch)
        except (DataError, IntegrityError, ValueError) as error:
            self._part(batch, error)
        else:
            self._metrics.predictions_logged.labels("written").inc(len(batch))

    def find(self, id_: str, *, since: datetime) -> Prediction | None:
        """Return the prediction of that id if it was given after `since`; raises SQLAlchemyError, OSError likewise."""
        self._prepare()
        return table.find(self._engine, id_, since=since)

    def _part(self, batch: Sequence[Prediction], error: Exception) -> None:
        """Write the halves of a batch that was refused for `error`; one that is a single row is given up."""
        if len(batch) > 1:
            self.write(batch[: len(batch) // 2])
            self.write(batch[len(batch) // 2 :])
            return
        log.error("prediction refused", id=batch[0].id, cause=name_cause(error))  # no traceback: it quotes the row
        self._metrics.predictions_logged.labels("refused").inc()

    def _prepare(self) -> None:
        if not self.prepared:
            table.prepare(self._engine)
            self.prepared = True
