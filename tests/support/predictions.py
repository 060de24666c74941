"""Predictions made by hand, each with an id of its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from model.monitoring.predictions import Prediction

_ONE = Prediction(
    id="0" * 32,
    at=datetime(2026, 11, 16, tzinfo=UTC),
    model_version="7",
    model_sha256="5e" * 32,
    image_sha256="c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a",
    label="ai",
    probability=0.9731,
    decision="ai",
    width=1600,
    height=1200,
    format="JPEG",
    client="shop",
    bytes=481_516,
    jpeg_quality=90,
    decode_ms=21.4,
    inference_ms=4.9,
    embedding=None,
)


def predict(number: int, *, days_ago: float = 0, **changes: Any) -> Prediction:
    """The prediction of that number, given so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    return replace(_ONE, **{"id": f"{number:032x}", "at": at} | changes)
