"""Lets the shadow judge a share of the images too, outside of requests, and compares the verdicts."""

import os
import queue
import sys
import threading
from dataclasses import dataclass
from typing import Final

import structlog

from model.images.decoding import Limits
from service.answers.options import Options
from service.answers.verdict import Verdict
from service.metrics.service import Metrics
from service.verdicts.judging import judge
from service.verdicts.model_store import ModelStore

MOST_WAITING: Final = 4
"""Most images that wait for the shadow. Each may be as large as an upload; further images are skipped."""

NICENESS: Final = 10
"""Added niceness of the shadow's thread, so that requests on the same core go first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Job:
    data: bytes
    options: Options
    verdict: Verdict


class Shadowing:
    """Compares `shadow` with the verdicts given, for a `share` (0 to 1) of the images, in its own thread."""

    def __init__(self, shadow: ModelStore, metrics: Metrics, *, limits: Limits, share: float) -> None:
        self._shadow = shadow
        self._metrics = metrics
        self._limits = limits
        self._share = share
        self._waiting: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._compare_all, name="shadowing", daemon=True)

    def start(self) -> None:
        """Start the thread; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Judge the images that still wait, then end the thread."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def offer(self, data: bytes, options: Options, verdict: Verdict) -> None:
        """Queue the image for comparison if there is a shadow and the image is in the share.

        The hash of the image decides, so that every worker chooses the same images.
        """
        if self._shadow.current is None or not is_chosen(verdict.image.sha256, self._share):
            return
        try:
            self._waiting.put_nowait(_Job(data, options, verdict))
        except queue.Full:
            self._metrics.shadow_skipped.labels("busy").inc()

    def _compare_all(self) -> None:
        _stand_back()
        while job := self._waiting.get():
            try:
                self._compare(job)
            except Exception:  # a shadow may fail in any way; the thread goes on
                self._metrics.shadow_skipped.labels("failed").inc()
                log.warning("shadow failed", request_id=job.verdict.request_id, exc_info=True)

    def _compare(self, job: _Job) -> None:
        model, verdict = self._shadow.current, job.verdict
        if model is None:  # the shadow ended meanwhile
            return
        judged = judge(job.data, model, limits=self._limits, options=job.options)
        self._metrics.shadow_compared(verdict.decision, judged.decision, judged.probability - verdict.probability)
        if judged.decision != verdict.decision:
            log.info(
                "shadow disagrees",
                request_id=verdict.request_id,
                image_sha256=verdict.image.sha256,
                production=verdict.decision,
                shadow=judged.decision,
                version=model.version.version,
            )


def is_chosen(sha256: str, share: float) -> bool:
    """Return whether an image of that hash is in the `share`; a larger share contains every smaller one."""
    return int(sha256[:8], 16) < share * 2**32


def _stand_back() -> None:
    if sys.platform == "linux":  # where each thread has its own priority
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), mine + NICENESS)
