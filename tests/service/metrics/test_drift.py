"""The gauges of drift, read back from their registry."""

import math

import pytest

from model.estimate import Estimate
from model.monitoring.terms import ATTRIBUTIONS, CAUSES, STATES, Audit
from service.metrics.drift import DriftMetrics
from support.monitoring import found


@pytest.fixture
def metrics() -> DriftMetrics:
    return DriftMetrics()


def read(metrics: DriftMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"truegrain_{name}", labels)


def chosen(metrics: DriftMetrics, name: str, label: str, known: tuple[str, ...]) -> list[str]:
    return [value for value in known if read(metrics, name, **{label: value}) == 1]


def test_a_measurement_is_exported_whole(metrics: DriftMetrics) -> None:
    metrics.show(found())
    assert read(metrics, "drift_signal", signal="dense_group") == 0.24
    assert (
        read(metrics, "drift_over", signal="dense_group"),
        read(metrics, "drift_over", signal="mean_probability"),
    ) == (1, 0)
    assert chosen(metrics, "drift_state", "state", STATES) == ["drifting"]
    assert chosen(metrics, "drift_attribution", "attribution", ATTRIBUTIONS) == ["new_generator"]
    assert chosen(metrics, "drift_unknown", "cause", CAUSES) == []
    assert read(metrics, "drift_window_predictions") == 1000


def test_estimates_are_exported_with_their_bounds(metrics: DriftMetrics) -> None:
    metrics.show(found("ok"))
    assert [read(metrics, "estimated_accuracy", bound=bound) for bound in ("low", "value", "high")] == [
        0.74,
        0.81,
        0.88,
    ]
    assert [read(metrics, "estimated_ai_share", bound=bound) for bound in ("low", "value", "high")] == [
        0.49,
        0.55,
        0.61,
    ]


def test_what_a_person_found_is_exported(metrics: DriftMetrics) -> None:
    metrics.show(found(audit=Audit(50, 48, Estimate(0.9, 0.8, 0.95))))
    bounds = ("low", "value", "high")
    assert [read(metrics, "audited_accuracy", bound=bound) for bound in bounds] == [0.8, 0.9, 0.95]


def test_what_cannot_be_estimated_may_be_anything(metrics: DriftMetrics) -> None:
    metrics.show(found("ok"))
    metrics.show(found())
    for name in ("estimated_accuracy", "estimated_ai_share"):
        value = read(metrics, name, bound="value")
        assert (read(metrics, name, bound="low"), read(metrics, name, bound="high")) == (0, 1)
        assert value is not None and math.isnan(value)


def test_what_is_not_known_any_more_is_no_number_and_its_time_stays(metrics: DriftMetrics) -> None:
    metrics.show(found())
    known_at = read(metrics, "drift_measured_timestamp_seconds")
    metrics.show(found("unknown", cause="clock"))
    assert chosen(metrics, "drift_state", "state", STATES) == ["unknown"]
    assert chosen(metrics, "drift_unknown", "cause", CAUSES) == ["clock"]
    gone = (
        read(metrics, "drift_signal", signal="dense_group"),
        read(metrics, "drift_over", signal="dense_group"),
        read(metrics, "estimated_accuracy", bound="low"),
    )
    assert all(value is not None and math.isnan(value) for value in gone)
    assert read(metrics, "drift_measured_timestamp_seconds") == known_at


def test_what_is_still_known_is_known_now_however_long_ago_it_was_measured(metrics: DriftMetrics) -> None:
    long_ago = found(minutes_ago=10_000_000)
    metrics.show(long_ago)
    known_at = read(metrics, "drift_measured_timestamp_seconds")
    assert known_at is not None and known_at > long_ago.measured_at.timestamp()
