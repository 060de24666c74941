"""What request handlers share: the detectors in service, the turn to compute, how a verdict is given and recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np
from flask import current_app, g
from numpy.typing import NDArray
from structlog.contextvars import bind_contextvars

from model.detectors.detector import Detector, Scores
from model.feedback.reports import ANONYMOUS
from model.images.decoding import Limits
from service.answers.options import Options
from service.answers.problems import Refusal
from service.answers.receipts import Notary
from service.answers.verdict import Verdict
from service.metrics.service import Metrics
from service.protection.api_keys import Keyring
from service.protection.clients import current_client
from service.protection.overload import overloaded
from service.protection.queue import Place, Queue
from service.protection.rate_limits import charge, is_limited
from service.records.prediction_log import PredictionLog
from service.records.reports import Reports
from service.verdicts.answering import to_prediction, to_verdict
from service.verdicts.image_views import count_pixels
from service.verdicts.judging import Judged
from service.verdicts.model_store import ModelStore, ServedModel
from service.verdicts.recent_share import RecentShare
from service.verdicts.scorer import Scorer
from service.verdicts.shadowing import Shadowing


class Turn:
    """The turn of a request to compute; `paused` says for how many seconds others computed first."""

    def __init__(self, queue: Queue, scorer: Scorer) -> None:
        self._queue, self._scorer = queue, scorer
        self._begun = perf_counter()
        self._place: Place | None = None
        self._decoded, self._scored = 0.0, 0.0
        self.paused = 0.0

    def pause(self) -> float:
        """Let other requests compute first between two steps of a long computation; return for how many seconds."""
        seconds = self._queue.pause()
        self.paused += seconds
        return seconds

    def score(self, detector: Detector, pixels: NDArray[np.uint8]) -> tuple[Scores, float]:
        """Score views as the last step, if possible together with those of other requests, while the next one decodes.

        Returns the scores, and the seconds that the views took.
        """
        together = self._scorer.together
        if together > 1:
            self._place = self._queue.share(together)
            self._decoded = perf_counter() - self._begun
        scores, self._scored = self._scorer.score(detector, pixels, more=self._is_followed)
        return scores, self._scored

    def _is_followed(self) -> bool:
        """Whether another request computes, since this one has handed on its turn."""
        return self._place is not None and self._queue.is_busy()

    def end(self) -> float:
        """Give the turn back; return for how many seconds the request computed."""
        self._queue.leave(self._place, seconds=self._scored)
        if not self._scored:
            self._scorer.left()
        if self._place is None:
            return perf_counter() - self._begun - self.paused
        return self._decoded - self.paused + self._scored


@dataclass(frozen=True, kw_only=True)
class Context:
    """What request handlers share; `create_app` makes one for each application."""

    home: Path
    limits: Limits
    trust_list: str
    metrics: Metrics
    store: ModelStore
    queue: Queue
    scorer: Scorer
    shadow: ModelStore
    shadowing: Shadowing | None
    predictions: PredictionLog
    reports: Reports
    keyring: Keyring
    recent_share: RecentShare
    notary: Notary | None

    def start(self) -> None:
        """Load the last good detectors and start the threads; call it after the fork."""
        for part in (self.metrics, self.store, self.shadow, self.shadowing, self.predictions):
            if part is not None:
                part.start()

    def stop(self) -> None:
        """Finish what the threads hold, then end them."""
        for part in (self.store, self.shadow, self.shadowing, self.predictions, self.metrics):
            if part is not None:
                part.stop()

    @contextmanager
    def turn(self, *files: bytes) -> Iterator["Turn"]:
        """Hold the turn while the block decodes and judges `files`. Name a file twice if it is decoded twice.

        Raises Refusal `overloaded` if the turn does not come in time, and RateLimitExceeded if the files take more
        units than are left to the client.

        Read the upload before entering: while one request holds the turn, all others wait.
        """
        arrived = perf_counter()
        entered = self.queue.enter(current_client())
        waited = perf_counter() - arrived
        bind_contextvars(queue_ms=round(waited * 1000, 3))
        if not entered:
            self.metrics.turn_ended(waited=waited, computed=0)
            raise overloaded()
        turn = Turn(self.queue, self.scorer)
        try:
            self._charge(files, turn.pause)
            yield turn
        finally:
            computed = turn.end()
            self.metrics.turn_ended(waited=waited + turn.paused, computed=computed)

    def _charge(self, files: Sequence[bytes], pause: Callable[[], float]) -> None:
        """Charge the client for `files`: one unit an image, and one for each megapixel that the headers state."""
        if not is_limited():
            return
        pixels = 0
        for data in files:
            pixels += count_pixels(data, limits=self.limits)
            pause()
        charge(images=len(files), pixels=pixels)

    def answer(self, judged: Judged, options: Options) -> Verdict:
        """Return the verdict on an image with the evidence in its metadata; signed if `options` ask for that.

        Raises Refusal `receipts_off` if a receipt is asked for and the service has no key to sign with.
        """
        ai_share = self.recent_share.find(judged.model.version.version)
        verdict = to_verdict(judged, request_id=g.request_id, ai_share=ai_share)
        if not options.receipt:
            return verdict
        return self.require_notary().sign(verdict, at=datetime.now(UTC), request_id=g.own_request_id)

    def record(self, verdict: Verdict, judged: Judged) -> None:
        """Count the verdict on `judged` and keep it in the prediction log."""
        self.metrics.verdict_given(verdict)
        self.predictions.record(to_prediction(verdict, judged, client=client_name(), at=datetime.now(UTC)))

    def deliver(self, judged: Judged, options: Options) -> Verdict:
        """Return the verdict that `answer` returns; record it, and add it to the request's log line."""
        verdict = self.answer(judged, options)
        self.record(verdict, judged)
        bind_contextvars(
            version=verdict.model.version,
            decision=verdict.decision,
            image_sha256=verdict.image.sha256,
            timings_ms=verdict.timings_ms.model_dump(),
        )
        return verdict

    def require_model(self) -> ServedModel:
        """Return the detector in service. Call it once a request, so that one version gives the whole answer.

        Raises Refusal `not_ready` until the first version is promoted and fetched.
        """
        model = self.store.current or self.store.refresh()  # another worker may serve a detector already
        if model is None:
            raise Refusal("not_ready", "no detector is in service yet: none was promoted, or it is still being fetched")
        return model

    def require_notary(self) -> Notary:
        """Return the Notary that signs receipts; raises Refusal `receipts_off` if the service has no key."""
        if self.notary is None:
            raise Refusal(
                "receipts_off",
                "this service signs no receipts; its operator switches them on by a key in TRUEGRAIN_RECEIPT_KEY",
            )
        return self.notary

    def require_shadow(self) -> ServedModel:
        """Return the shadow detector; raises Refusal `no_shadow` when there is none."""
        model = self.shadow.current or self.shadow.refresh()
        if model is None:
            raise Refusal(
                "no_shadow", "no version is compared with production: give a version the alias 'shadow' in the registry"
            )
        return model


def context() -> Context:
    """Return the Context of the application that handles the current request."""
    return cast(Context, current_app.extensions["truegrain"])


def client_name() -> str:
    """Return the name of the current request's API key, ANONYMOUS without one."""
    return str(g.get("client", ANONYMOUS))
