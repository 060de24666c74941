"""Every metric Truegrain's service exports beside the exporter's own `flask_*`, each with a bounded set of labels."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.records.log_status import STATES, LogStatus
from service.store.pointer import Alias, Pointer
from service.verdicts.verdict import Decision, Verdict

_STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_DIFFERENCES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_TENTHS = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """The metrics of one process. With PROMETHEUS_MULTIPROC_DIR set, a scrape adds up those of all processes."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._predictions = Counter(
            "truegrain_predictions", "Verdicts given, by decision", ["decision"], registry=registry
        )
        self._probability = Histogram(
            "truegrain_probability", "Probability of AI in the verdicts given", registry=registry, buckets=_TENTHS
        )
        self._stage_seconds = Histogram(
            "truegrain_stage_seconds",
            "Time a verdict spent in each stage: decode, preprocess, inference",
            ["stage"],
            registry=registry,
            buckets=_STAGE_SECONDS,
        )
        self.queue_seconds = Histogram(
            "truegrain_queue_seconds",
            "Time a request stood in line before it could compute",
            registry=registry,
            buckets=_STAGE_SECONDS,
        )
        self._batch_images = Histogram(
            "truegrain_batch_images", "Images in a batch", registry=registry, buckets=_BATCH_SIZES
        )
        self._batch_items = Counter(
            "truegrain_batch_items",
            "Images of batches, by outcome: 'verdict', or the reason for a problem",
            ["outcome"],
            registry=registry,
        )
        self._findings = Counter(
            "truegrain_findings",
            "Findings beside the pixels, by source and what they say",
            ["source", "says"],
            registry=registry,
        )
        self._conflicts = Counter(
            "truegrain_conflicts", "Verdicts of which a finding says the opposite", registry=registry
        )
        self._explanations = Counter(
            "truegrain_explanations", "Maps asked for, by whether they were faithful", ["faithful"], registry=registry
        )
        self.rejections = Counter(
            "truegrain_rejections", "Requests answered with a problem, by its reason", ["reason"], registry=registry
        )
        # `livemax`: of the workers alive, whether one serves the version; dead workers take their votes with them.
        self._model_info = Gauge(
            "truegrain_model_info",
            "1 while a worker serves this version under the alias, 0 when it was replaced",
            ["alias", "name", "version", "sha256", "dataset_version"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._loads = Counter("truegrain_model_loads", "Detectors taken into service by a worker", registry=registry)
        self.load_failures = Counter(
            "truegrain_model_load_failures", "Detectors that did not load or verify", registry=registry
        )
        self.polls = Counter(
            "truegrain_follower_polls",
            "Times the follower asked the registry, by alias and outcome",
            ["alias", "outcome"],
            registry=registry,
        )

        self._shadow_verdicts = Counter(
            "truegrain_shadow_verdicts",
            "Images that the shadow judged as well, by both decisions",
            ["production", "shadow"],
            registry=registry,
        )
        self._shadow_difference = Histogram(
            "truegrain_shadow_difference",
            "How far the shadow's probability is from production's",
            registry=registry,
            buckets=_DIFFERENCES,
        )
        self.shadow_skipped = Counter(
            "truegrain_shadow_skipped",
            "Images of the share that the shadow did not judge: it was busy, or it failed",
            ["reason"],
            registry=registry,
        )
        self.predictions_logged = Counter(
            "truegrain_predictions_logged",
            "Predictions written to the log, refused by its database, dropped, or unreadable in the journal",
            ["outcome"],
            registry=registry,
        )
        self._log_state = Gauge(
            "truegrain_prediction_log_state",
            "1 while a worker's prediction log is in this state: ok, locked, full, gone",
            ["state"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._log_waiting = Gauge(
            "truegrain_prediction_log_waiting",
            "Predictions in the journals, not in the database yet",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._log_lag = Gauge(
            "truegrain_prediction_log_lag_seconds",
            "For how long the oldest of them has waited",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.feedback = Counter(
            "truegrain_feedback",
            "Reports on verdicts, by what they say the image is and what was decided",
            ["label", "decision"],
            registry=registry,
        )

    def verdict_given(self, verdict: Verdict) -> None:
        """Count a verdict, its probability, its findings and where its time went."""
        self._predictions.labels(verdict.decision).inc()
        self._probability.observe(verdict.probability)
        for stage in ("decode", "preprocess", "inference"):
            self._stage_seconds.labels(stage).observe(getattr(verdict.timings_ms, stage) / 1000)
        for finding in verdict.evidence:
            self._findings.labels(finding.source, finding.says).inc()
        self._conflicts.inc(verdict.conflict)

    def map_tested(self, *, faithful: bool) -> None:
        """Count a map and whether it is shown."""
        self._explanations.labels(str(faithful).lower()).inc()

    def batch_answered(self, outcomes: Sequence[str]) -> None:
        """Count a batch and the outcome of each of its images: 'verdict' or a reason of PROBLEMS."""
        self._batch_images.observe(len(outcomes))
        for outcome in outcomes:
            self._batch_items.labels(outcome).inc()

    def shadow_compared(self, production: Decision, shadow: Decision, difference: float) -> None:
        """Count what the shadow decided where production had decided, and how far apart their probabilities are."""
        self._shadow_verdicts.labels(production, shadow).inc()
        self._shadow_difference.observe(abs(difference))

    def log_is(self, status: LogStatus) -> None:
        """Record how this process's prediction log is."""
        for state in STATES:
            self._log_state.labels(state).set(state == status.state)
        self._log_waiting.set(status.waiting)
        self._log_lag.set(status.lag_seconds)

    def model_loaded(self, alias: Alias, version: Pointer, previous: Pointer | None) -> None:
        """Record that this process serves `version` under `alias` in place of `previous`."""
        self._loads.inc()
        self.model_dropped(alias, previous)
        self._info_of(alias, version).set(1)

    def model_dropped(self, alias: Alias, version: Pointer | None) -> None:
        """Record that this process no longer serves `version` under `alias`."""
        # Set to 0, not removed: prometheus_client cannot remove a series that other processes may share.
        if version is not None:
            self._info_of(alias, version).set(0)

    def _info_of(self, alias: Alias, version: Pointer) -> Gauge:
        return self._model_info.labels(alias, version.name, version.version, version.sha256, version.dataset_version)
