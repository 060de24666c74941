"""What request handlers share: the detectors in service, the turn to compute, how a verdict is given and recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import cast

from flask import current_app, g
from structlog.contextvars import bind_contextvars

from model.feedback.reports import ANONYMOUS
from model.images.decoding import Limits
from model.images.provenance.reading import read_provenance
from service.answers.options import Options
from service.answers.problems import Refusal
from service.answers.receipts import Notary
from service.answers.verdict import Verdict
from service.metrics.service import Metrics
from service.protection.api_keys import Keyring
from service.protection.clients import current_client
from service.protection.overload import overloaded
from service.protection.queue import Queue
from service.protection.rate_limits import charge, is_limited
from service.records.prediction_log import PredictionLog
from service.records.reports import Reports
from service.verdicts.answering import to_prediction, to_verdict
from service.verdicts.image_views import count_pixels
from service.verdicts.judging import Judged
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
    shadowing: Shadowing | None
    predictions: PredictionLog
    reports: Reports
    keyring: Keyring
    notary: Notary | None

    def start(self) -> None:
        """Take the last good detectors into service and start the threads; call it after the fork."""
        for part in (self.metrics, self.store, self.shadow, self.shadowing, self.predictions):
            if part is not None:
                part.start()

    def stop(self) -> None:
        """End the threads, once what they hold is done with."""
        for part in (self.store, self.shadow, self.shadowing, self.predictions, self.metrics):
            if part is not None:
                part.stop()

    @contextmanager
    def turn(self, *files: bytes) -> Iterator[Callable[[], float]]:
        """Hold the turn while the block decodes and judges `files`; name one as often as it is decoded.

        The block is given a function to call between two steps of a long computation: others may go first, and it
        returns for how many seconds they did. Raises Refusal `overloaded` if the turn does not come in time, and
        RateLimitExceeded if the files take more units than are left to the client.

        Enter it with the upload in memory: if a client still sends, all others wait for that client.
        """
        arrived = perf_counter()
        entered = self.queue.enter(current_client())
        waited = perf_counter() - arrived
        bind_contextvars(queue_ms=round(waited * 1000, 3))
        if not entered:
            self.metrics.turn_ended(waited=waited, computed=0)
            raise overloaded()
        begun, paused = perf_counter(), 0.0

        def pause() -> float:
            nonlocal paused
            seconds = self.queue.pause()
            paused += seconds
            return seconds

        try:
            self._charge(files)
            yield pause
        finally:
            self.queue.leave()
            self.metrics.turn_ended(waited=waited + paused, computed=perf_counter() - begun - paused)

    def _charge(self, files: Sequence[bytes]) -> None:
        """Take the units of `files` off what is granted to the client, now that their headers can be read."""
        if is_limited():
            charge(images=len(files), pixels=sum(count_pixels(data, limits=self.limits) for data in files))

    def answer(self, judged: Judged, data: bytes, options: Options) -> Verdict:
        """Return the verdict on the file `data`, with what the file says of itself; signed if `options` ask for that.

        Raises Refusal `receipts_off` if a receipt is asked for and no key was set.
        """
        evidence = read_provenance(data, format_=judged.seen.image.format)
        verdict = to_verdict(judged, request_id=g.request_id, evidence=evidence)
        if not options.receipt:
            return verdict
        return self.require_notary().sign(verdict, at=datetime.now(UTC), request_id=g.own_request_id)

    def record(self, verdict: Verdict, judged: Judged) -> None:
        """Count the verdict on `judged` and keep it in the prediction log."""
        self.metrics.verdict_given(verdict)
        self.predictions.record(to_prediction(verdict, judged, client=client_name(), at=datetime.now(UTC)))

    def deliver(self, judged: Judged, data: bytes, options: Options) -> Verdict:
        """Return what `answer` returns, recorded and named in the request's line of log."""
        verdict = self.answer(judged, data, options)
        self.record(verdict, judged)
        bind_contextvars(
            version=verdict.model.version,
            decision=verdict.decision,
            image_sha256=verdict.image.sha256,
            timings_ms=verdict.timings_ms.model_dump(),
        )
        return verdict

    def require_model(self) -> ServedModel:
        """Return the model in service; a request calls this once, so that its answer is wholly one version's.

        Raises Refusal `not_ready` as long as no version was ever promoted and fetched.
        """
        model = self.store.current or self.store.refresh()  # so that no worker lacks what another one serves
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
        model = self.shadow.current or self.shadow.refresh()
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
