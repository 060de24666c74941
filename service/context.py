"""What the request handlers share: the limits, the metrics, the detectors in service, the turn to compute."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import cast

from flask import current_app, g
from structlog.contextvars import bind_contextvars

from model.feedback.reports import ANONYMOUS
from model.images.decoding import Limits
from service.answers.problems import Refusal
from service.answers.receipts import Notary
from service.metrics.service import Metrics
from service.protection.queue import Queue, overloaded
from service.records.prediction_log import PredictionLog
from service.records.reports import Reports
from service.verdicts.model_store import ModelStore, ServedModel
from service.verdicts.shadowing import Shadowing


@dataclass(frozen=True, kw_only=True)
class Context:
    """One per application, made by the factory."""

    home: Path
    limits: Limits
    metrics: Metrics
    store: ModelStore
    queue: Queue
    shadow: ModelStore
    shadowing: Shadowing
    predictions: PredictionLog
    reports: Reports
    notary: Notary | None

    def start(self) -> None:
        """Take the last good detectors into service and start the threads; call it after the fork."""
        for part in (self.metrics, self.store, self.shadow, self.shadowing, self.predictions):
            part.start()

    def stop(self) -> None:
        """End the threads, once what they hold is done with."""
        for part in (self.store, self.shadow, self.shadowing, self.predictions, self.metrics):
            part.stop()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn while the block computes; raises Refusal `overloaded` if it does not come in time.

        Enter it with the upload in memory: if a client still sends, all others wait for that client.
        """
        arrived = perf_counter()
        entered = self.queue.enter()
        waited = perf_counter() - arrived
        bind_contextvars(queue_ms=round(waited * 1000, 3))
        if not entered:
            self.metrics.turn_ended(waited=waited, computed=0)
            raise overloaded()
        begun = perf_counter()
        try:
            yield
        finally:
            self.queue.leave()
            self.metrics.turn_ended(waited=waited, computed=perf_counter() - begun)

    def require_model(self) -> ServedModel:
        """Return the model in service; a request calls this once, so that its answer is wholly one version's.

        Raises Refusal `not_ready` as long as no version was ever promoted and fetched.
        """
        model = self.store.serving()
        if model is None:
            raise Refusal("not_ready", "no detector is in service yet: none was promoted, or it is still being fetched")
        return model

    def require_notary(self) -> Notary:
        """Return who signs receipts; raises Refusal `receipts_off` where no key was set."""
        if self.notary is None:
            raise Refusal(
                "receipts_off",
                "this service signs no receipts; its operator can let it by naming a key in TRUEGRAIN_RECEIPT_KEY",
            )
        return self.notary

    def require_shadow(self) -> ServedModel:
        """Return the shadow, as `require_model` does; raises Refusal `no_shadow` when there is none."""
        model = self.shadow.serving()
        if model is None:
            raise Refusal(
                "no_shadow", "no version is compared with production: give one the alias 'shadow' in the registry"
            )
        return model


def context() -> Context:
    """Return the Context of the application that handles the current request."""
    return cast(Context, current_app.extensions["truegrain"])


def client_name() -> str:
    """Return the name of the API key that the current request came with."""
    return str(g.get("client", ANONYMOUS))
