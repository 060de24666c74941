"""Scores requests that wait at the same moment as one tensor, which takes less time than one tensor for each."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.detector import Detector, Scores
from service.verdicts.judging import TENSOR_ROWS, score_views

STEP_SECONDS: Final = 0.03
"""Longest time that a tensor of several requests may take."""

WAIT_SECONDS: Final = 0.012
"""Longest wait of a tensor for requests that are still decoded."""

_MEMORY: Final = 0.9
"""How much the mean time of a view remembers of earlier tensors."""


@dataclass(eq=False)
class _Job:
    """The views of a request. `called` is set when they are scored, or when the request must score for all.

    `more` tells whether another request is decoded meanwhile, whose views will follow.
    """

    detector: Detector
    pixels: NDArray[np.uint8]
    more: Callable[[], bool]
    called: threading.Event = field(default_factory=threading.Event)
    scores: Scores | None = None
    seconds: float = 0.0
    error: BaseException | None = None


class Scorer:
    """Lets one thread score the views of all threads that wait.

    Requests that come while a tensor is scored make the next tensor. While another request is decoded, a tensor with
    room waits for it, at most WAIT_SECONDS: the core is busy anyway. A request waits for at most one tensor before its
    own. Errors of the detector reach every request of the tensor.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._joined = threading.Condition(self._lock)
        self._waiting: deque[_Job] = deque()
        self._is_scoring = False
        self._seconds_a_view = STEP_SECONDS

    @property
    def together(self) -> int:
        """How many views may be scored together, by the time that views took lately; 1: none together."""
        return max(1, min(TENSOR_ROWS, int(STEP_SECONDS / self._seconds_a_view)))

    def score(
        self, detector: Detector, pixels: NDArray[np.uint8], *, more: Callable[[], bool] = lambda: False
    ) -> tuple[Scores, float]:
        """Score views [N, size, size, 3]; return the scores and their share of the tensor's time, in seconds.

        `more` tells whether another request is decoded at the moment, whose views are worth a short wait.
        """
        job = _Job(detector, pixels, more)
        with self._lock:
            self._waiting.append(job)
            leads = not self._is_scoring
            self._is_scoring = True
            self._joined.notify()
        if not leads:
            job.called.wait()
        if job.scores is None and job.error is None:
            self._gather(job.more)
            self._score_all()
        if job.error is not None:
            raise job.error
        assert job.scores is not None  # noqa: S101 - for mypy
        return job.scores, job.seconds

    def left(self) -> None:
        """Tell the request that gathers a tensor that a request ended without views, such as for a damaged image."""
        with self._lock:
            self._joined.notify()

    def _gather(self, more: Callable[[], bool]) -> None:
        """Wait for the requests that are decoded meanwhile, until a tensor is full or WAIT_SECONDS are over."""
        until = monotonic() + WAIT_SECONDS
        with self._lock:
            while (
                sum(len(job.pixels) for job in self._waiting) < self.together
                and more()
                and (left := until - monotonic()) > 0
            ):
                self._joined.wait(left)

    def _score_all(self) -> None:
        """Score the first request that waits, with those behind it that fit; then call the next one to score."""
        jobs = self._take()
        try:
            self._score(jobs)
        except BaseException as error:  # it is raised in each request's own thread
            for job in jobs:
                job.error = error
        with self._lock:
            self._is_scoring = bool(self._waiting)
            after = self._waiting[0] if self._waiting else None
        for job in jobs if after is None else [*jobs, after]:
            job.called.set()

    def _take(self) -> list[_Job]:
        with self._lock:
            first = self._waiting.popleft()
            jobs, room = [first], self.together - len(first.pixels)
            while self._waiting and self._waiting[0].detector is first.detector:
                room -= len(self._waiting[0].pixels)
                if room < 0:
                    break
                jobs.append(self._waiting.popleft())
            return jobs

    def _score(self, jobs: list[_Job]) -> None:
        started = perf_counter()
        pixels = jobs[0].pixels if len(jobs) == 1 else np.concatenate([job.pixels for job in jobs])
        scores = score_views(jobs[0].detector, pixels)
        a_view = (perf_counter() - started) / len(pixels)
        self._seconds_a_view = _MEMORY * self._seconds_a_view + (1 - _MEMORY) * a_view
        first = 0
        for job in jobs:
            job.scores = scores.take(slice(first, first + len(job.pixels)))
            job.seconds = a_view * len(job.pixels)
            first += len(job.pixels)
