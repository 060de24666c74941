"""The service's own metrics, beside the exporter's `flask_*`, each with a bounded set of labels."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from model.images.notes import CODES
from model.labels import CLASSES
from service.answers.problems import PROBLEMS
from service.answers.verdict import Decision, Verdict
from service.metrics.gauges import make_gauge
from service.status.follower import Outcome
from service.status.pointer import Alias, Pointer
from service.status.prediction_log import STATES, LogStatus

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SETTLE_SECONDS: Final = 0.5
"""How long a measurement may wait to be added; a worker that is killed loses its waiting measurements."""

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_DIFFERENCES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_UPLOAD_BYTES = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7)
_PIXELS = (1e4, 1e5, 3e5, 1e6, 3e6, 12e6, 24e6, 50e6, 100e6)
_STAGES = ("decode", "preprocess", "inference")
_TENTHS = tuple(tenth / 10 for tenth in range(1, 11))

log = structlog.get_logger(__name__)


class Metrics:
    """The metrics of one process. With PROMETHEUS_MULTIPROC_DIR set, a scrape adds up those of all processes.

    Events are counted at once. Durations, sizes and probabilities are added a moment later, in batches. Right after
    the detector has run, its numbers fill the core's caches, and each addition would take several times as long.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._due: deque[Callable[[], None]] = deque()
        self._settling, self._stopped = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._settle_for_ever, name="metrics", daemon=True)
        count, measure, show = self._counter, self._histogram, partial(make_gauge, self.registry)

        predictions = count("predictions", "Verdicts given, by decision", "decision")
        self._predictions = {decision: predictions.labels(decision) for decision in get_args(Decision)}
        self._probability = measure("probability", "Probability of AI in the verdicts given", _TENTHS)
        stage_seconds = measure(
            "stage_seconds", f"Time a verdict spent in each stage: {', '.join(_STAGES)}", _SECONDS, "stage"
        )
        self._stage_seconds = {stage: stage_seconds.labels(stage) for stage in _STAGES}
        self._queue_seconds = measure("queue_seconds", "Time a request waited in the queue", _SECONDS)
        self._compute_seconds = count("compute_seconds", "Seconds that workers computed for requests of all kinds")
        self._in_flight = show(
            "requests_in_flight", "Requests begun and not answered, the scrape itself included", mode="livesum"
        )
        self._workers = show("workers", "Workers alive", mode="livesum")
        self._cost_per_hour = show(
            "worker_cost_per_hour", "What an hour of one worker costs (TRUEGRAIN_COST_PER_HOUR)", mode="mostrecent"
        )
        self._upload_bytes = measure("upload_bytes", "Size of the image files received", _UPLOAD_BYTES)
        self._image_pixels = measure("image_pixels", "Pixels of the images judged", _PIXELS)
        self._batch_images = measure("batch_images", "Images in a batch", _BATCH_SIZES)
        self._batch_items = count(
            "batch_items", "Images of batches, by outcome: 'verdict', or the reason for a problem", "outcome"
        )
        self._findings = count("findings", "Findings in files' metadata, by source and what they say", "source", "says")
        self._notes = count("notes", "Notes on verdicts, by what they are about", "code")
        self._conflicts = count("conflicts", "Verdicts whose decision a finding contradicts")
        self._explanations = count("explanations", "Heat maps asked for, by whether they passed their test", "faithful")
        self.rejections = count("rejections", "Requests answered with a problem, by its reason", "reason")
        # `livemax`: 1 while any living worker serves the version; values of dead workers do not count.
        self._model_info = show(
            "model_info",
            "1 while a worker serves this version under the alias, 0 once the version was replaced",
            *("alias", "name", "version", "sha256", "dataset_version"),
            mode="livemax",
        )
        self._loaded_at = show(
            "model_loaded_timestamp_seconds",
            "When the first of the workers alive loaded the version in service",
            "alias",
            mode="livemin",
        )
        self._loads = count("model_loads", "Detectors taken into service by a worker")
        self.load_failures = count("model_load_failures", "Detectors that did not load or verify")
        self.polls = count(
            "follower_polls", "Times the follower asked the registry, by alias and outcome", "alias", "outcome"
        )
        self._shadow_verdicts = count(
            "shadow_verdicts", "Images that the shadow judged too, by the decisions of both", "production", "shadow"
        )
        self._shadow_difference = measure(
            "shadow_difference", "How far the shadow's probability is from production's", _DIFFERENCES
        )
        self.shadow_skipped = count(
            "shadow_skipped", "Images chosen for the shadow that it did not judge: it was busy or failed", "reason"
        )
        self.predictions_logged = count(
            "predictions_logged",
            "Predictions written to the log, refused by its database, dropped, or unreadable in an outbox",
            "outcome",
        )
        self._log_state = show(
            "prediction_log_state",
            f"1 while a worker's prediction log is in this state: {', '.join(STATES)}",
            "state",
            mode="livemax",
        )
        self._log_waiting = show(
            "prediction_log_waiting", "Predictions in the outboxes, not in the database yet", mode="livesum"
        )
        self._log_lag = show("prediction_log_lag_seconds", "For how long the oldest of these waits", mode="livemax")
        self.feedback = count(
            "feedback", "Reports on verdicts, by the label reported and the verdict's decision", "label", "decision"
        )
        self._begin_at_zero()

    def worker_started(self, *, cost_per_hour: float) -> None:
        """Count this process as a worker that costs `cost_per_hour`."""
        self._workers.set(1)
        self._cost_per_hour.set(cost_per_hour)

    def start(self) -> None:
        """Start the thread that adds waiting measurements every SETTLE_SECONDS; call it after the fork."""
        self._thread.start()

    def stop(self) -> None:
        """Add all waiting measurements, then end the thread."""
        self._stopped.set()
        self._thread.join()

    def settle(self) -> None:
        """Add the measurements that wait now."""
        with self._settling:
            while self._due:
                self._due.popleft()()

    def counting(self, application: "WSGIApplication") -> "WSGIApplication":
        """Return the application with its requests in flight counted."""

        def answer(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            with self._in_flight.track_inprogress():
                return application(environment, start_response)

        return answer

    def turn_ended(self, *, waited: float, computed: float) -> None:
        """Add the seconds for which a request waited in the queue, and the seconds for which it computed."""
        self._due += partial(self._queue_seconds.observe, waited), partial(self._compute_seconds.inc, computed)

    def file_received(self, size: int) -> None:
        """Add an image file of `size` bytes."""
        self._due.append(partial(self._upload_bytes.observe, size))

    def verdict_given(self, verdict: Verdict) -> None:
        """Count a verdict and its findings; add its probability, its timings and the size of its image."""
        self._predictions[verdict.decision].inc()
        for finding in verdict.evidence:
            self._findings.labels(finding.source, finding.says).inc()
        for note in verdict.notes:
            self._notes.labels(note.code).inc()
        if verdict.conflict:
            self._conflicts.inc()
        self._due.append(partial(self._add_verdict, verdict))

    def map_tested(self, *, faithful: bool) -> None:
        """Count a heat map, by whether it passed its test."""
        self._explanations.labels(str(faithful).lower()).inc()

    def batch_answered(self, outcomes: Sequence[str]) -> None:
        """Count a batch and the outcome of each of its images: 'verdict' or a reason of PROBLEMS."""
        self._batch_images.observe(len(outcomes))
        for outcome in outcomes:
            self._batch_items.labels(outcome).inc()

    def shadow_compared(self, production: Decision, shadow: Decision, difference: float) -> None:
        """Count the decisions of production and shadow on one image; add the distance of their probabilities."""
        self._shadow_verdicts.labels(production, shadow).inc()
        self._shadow_difference.observe(abs(difference))

    def log_is(self, status: LogStatus) -> None:
        """Record the state of this process's prediction log."""
        for state in STATES:
            self._log_state.labels(state).set(state == status.state)
        self._log_waiting.set(status.waiting)
        self._log_lag.set(status.lag_seconds)

    def model_loaded(self, alias: Alias, version: Pointer, previous: Pointer | None) -> None:
        """Record that this process serves `version` under `alias` in place of `previous`."""
        self._loads.inc()
        self.model_dropped(alias, previous)
        self._info_of(alias, version).set(1)
        self._loaded_at.labels(alias).set(time.time())

    def model_dropped(self, alias: Alias, version: Pointer | None) -> None:
        """Record that this process no longer serves `version` under `alias`."""
        # Set to 0, not removed: prometheus_client cannot remove a series that other processes may share.
        if version is not None:
            self._info_of(alias, version).set(0)

    def _settle_for_ever(self) -> None:
        while not self._stopped.is_set():
            self._stopped.wait(SETTLE_SECONDS)
            try:
                self.settle()
            except Exception:  # one measurement failed; the thread goes on with the next
                log.exception("measurement not added")

    def _add_verdict(self, verdict: Verdict) -> None:
        self._probability.observe(verdict.probability)
        self._image_pixels.observe(verdict.image.width * verdict.image.height)
        for stage, seconds in self._stage_seconds.items():
            seconds.observe(getattr(verdict.timings_ms, stage) / 1000)

    def _info_of(self, alias: Alias, version: Pointer) -> Gauge:
        return self._model_info.labels(alias, version.name, version.version, version.sha256, version.dataset_version)

    def _begin_at_zero(self) -> None:
        """Export the counters that alerts watch at zero: Prometheus sees no increase in a series that begins with 1."""
        for decision in get_args(Decision):
            for label in CLASSES:
                self.feedback.labels(label, decision)
        for reason in PROBLEMS:
            self.rejections.labels(reason)
        for code in CODES:
            self._notes.labels(code)
        for reason in ("busy", "failed"):
            self.shadow_skipped.labels(reason)
        for outcome in ("written", "refused", "dropped", "unreadable"):
            self.predictions_logged.labels(outcome)
        for alias in get_args(Alias):
            for outcome in get_args(Outcome):
                self.polls.labels(alias, outcome)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"truegrain_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"truegrain_{name}", meaning, labels, registry=self.registry, buckets=buckets)
