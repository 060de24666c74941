"""Has a share of the images judged by the shadow too, out of the way of the requests, and compares the verdicts."""

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
"""Images held for the shadow. Few, for each may be as large as an upload; those that find no place are skipped."""

NICENESS: Final = 10
"""How much the shadow's thread stands back where it and a request want the same core."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Job:
    data: bytes
    options: Options
    verdict: Verdict


class Shadowing:
    """Compares `shadow` with the verdicts given, for a `share` (0 to 1) of the images, from a thread of its own."""

    def __init__(self, shadow: ModelStore, metrics: Metrics, *, limits: Limits, share: float) -> None:
        self._shadow = shadow
        self._metrics = metrics
        self._limits = limits
        self._share = share
        self._waiting: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._compare_all, name="shadowing", daemon=True)

    def start(self) -> None:
        """Start comparing; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the image at hand and those that wait."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def offer(self, data: bytes, options: Options, verdict: Verdict) -> None:
        """Have the image compared with its verdict if there is a shadow and the image is of the share.

        It is by its hash: the same in every worker, and an image that is sent twice is not two votes.
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
            except Exception:  # whatever the shadow does wrong is found out here, and must not end the comparing
                self._metrics.shadow_skipped.labels("failed").inc()
                log.warning("shadow failed", request_id=job.verdict.request_id, exc_info=True)

    def _compare(self, job: _Job) -> None:
        model, verdict = self._shadow.current, job.verdict
        if model is None:  # it ended meanwhile
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
    """Tell whether an image of that hash is of the `share`; a larger share holds all of a smaller one."""
    return int(sha256[:8], 16) < share * 2**32


def _stand_back() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), mine + NICENESS)
