"""The metrics of drift: the monitor's last measurement as gauges, each with a bounded set of labels."""

import math
from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from model.estimate import Estimate
from model.monitoring.drift_history import DriftResult
from model.monitoring.terms import ATTRIBUTIONS, CAUSES, STATES
from service.metrics.gauges import make_gauge


class DriftMetrics:
    """The gauges of drift. A scrape shows the last value set by any process, even a dead one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(make_gauge, self.registry)
        self._signal = gauge("drift_signal", "Distance of recent predictions from the reference", "signal")
        self._over = gauge("drift_over", "1 while a signal is over its limit", "signal")
        self._attribution = gauge("drift_attribution", "1 for the likeliest reason for drift, else 0", "attribution")
        self._state = gauge("drift_state", "1 for the state of drift: ok, drifting or unknown; else 0", "state")
        self._unknown = gauge("drift_unknown", "1 for the cause why drift is unknown, else 0", "cause")
        self._measured = gauge("drift_measured_timestamp_seconds", "When drift was last known, in Unix time")
        self._predictions = gauge("drift_window_predictions", "Predictions in the last measurement of drift")
        self._accuracy = gauge(
            "estimated_accuracy", "Share of right answers, estimated without labels; 0 to 1: unknown", "bound"
        )
        self._ai_share = gauge(
            "estimated_ai_share", "Share of AI images, estimated without labels; 0 to 1: unknown", "bound"
        )
        self._audited = gauge("audited_accuracy", "Share of right answers by a labelled random sample", "bound")
        self._signals: set[str] = set()

    def show(self, result: DriftResult) -> None:
        """Export a result; unknown values are NaN, which is not drawn and fires no alert.

        A share that cannot be estimated has the bounds 0 and 1 and no value.
        """
        values = {signal.name: signal for signal in result.signals}
        self._signals |= values.keys()
        for name in self._signals:
            known = values.get(name)
            self._signal.labels(name).set(known.value if known else math.nan)
            self._over.labels(name).set(known.over if known else math.nan)
        _choose(self._attribution, ATTRIBUTIONS, result.attribution)
        _choose(self._state, STATES, result.state)
        _choose(self._unknown, CAUSES, result.cause)
        if result.state != "unknown":  # now, also for an earlier measurement: nothing was predicted since then
            self._measured.set_to_current_time()
        self._predictions.set(result.rows)
        _bound(self._audited, result.audit.accuracy if result.audit else None, otherwise=(math.nan,) * 3)
        nothing = (0.0, math.nan, 1.0) if result.not_estimable else (math.nan,) * 3
        _bound(self._accuracy, result.accuracy, otherwise=nothing)
        _bound(self._ai_share, result.ai_share, otherwise=nothing)


def _choose(gauge: Gauge, labels: Iterable[str], chosen: str | None) -> None:
    for label in labels:
        gauge.labels(label).set(label == chosen)


def _bound(gauge: Gauge, estimate: Estimate | None, *, otherwise: tuple[float, ...]) -> None:
    values = (estimate.low, estimate.value, estimate.high) if estimate else otherwise
    for bound, value in zip(("low", "value", "high"), values, strict=True):
        gauge.labels(bound).set(value)
