"""Measurements of drift made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from model.estimate import Estimate
from model.monitoring.drift_history import DriftResult
from model.monitoring.terms import Signal

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)

_NEW_GENERATOR = DriftResult(
    measured_at=NOON,
    model_version="7",
    state="drifting",
    attribution="new_generator",
    reason="A group of images is like none of the reference: dense_group 0.24 (limit 0.08).",
    signals=(Signal("dense_group", 0.24, 0.08, over=True), Signal("mean_probability", 0.05, 0.15, over=False)),
    rows=1000,
    first=NOON - timedelta(hours=3),
    last=NOON - timedelta(seconds=2),
    accuracy=Estimate(0.81, 0.74, 0.88),
    ai_share=Estimate(0.55, 0.49, 0.61),
    suspects=("0" * 32,),
)
_CHANGES: dict[str, dict[str, object]] = {
    "drifting": {},
    "ok": {"attribution": "none", "reason": "No signal is over its limit.", "suspects": ()},
    "unknown": {
        "attribution": "none",
        "cause": "too_few",
        "reason": "too few",
        "signals": (),
        "accuracy": None,
        "ai_share": None,
        "suspects": (),
        "rows": 0,
    },
}


def found(state: str = "drifting", *, minutes_ago: float = 0, now: datetime = NOON, **changes: Any) -> DriftResult:
    """A measurement of version 7 with that outcome, so many minutes ago."""
    at = now - timedelta(minutes=minutes_ago)
    return _NEW_GENERATOR.model_copy(update={"measured_at": at, "state": state} | _CHANGES[state] | changes)
