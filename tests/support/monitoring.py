"""Makes predictions, samples of traffic and measurements of drift by hand."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from model.detectors.traffic_sample import Reference, Sample
from model.estimate import Estimate
from model.labels import AI
from model.monitoring.drift_history import DriftResult
from model.monitoring.predictions import Prediction
from model.monitoring.terms import Signal

AXES = 8


def draw_reference(images: int, *, seed: int = 0, ai_share: float = 0.5) -> Reference:
    """Draw images whose probabilities are calibrated and right in about nine of ten cases, as 64-pixel JPEGs.

    The first axis of the embedding tells the classes apart.
    """
    random = np.random.default_rng(seed)
    label = (random.random(images) < ai_share).astype(np.uint8)
    evidence = random.normal(np.where(label == AI, 1.3, -1.3), 1.0)
    embedding = random.normal(size=(images, AXES)).astype(np.float32)
    embedding[:, 0] = evidence
    return Reference(sample=jpegs(expit(2.6 * evidence), embedding, random), label=label)


def jpegs(probability: NDArray[np.float64], embedding: NDArray[np.float32], random: np.random.Generator) -> Sample:
    """Put images into JPEG files of 64 pixels, with qualities from 82 to 96."""
    images = len(probability)
    quality = random.integers(82, 97, images)
    return Sample(
        probability=probability,
        embedding=embedding,
        width=np.full(images, 64),
        height=np.full(images, 64),
        bytes=(random.normal(1.0, 0.1, images) * 30 * quality).astype(np.int64),
        jpeg_quality=quality.astype(np.float64),
        format=np.full(images, "JPEG"),
    )


def draw_unseen(images: int, kind: str, *, seed: int = 0) -> Sample:
    """Draw images of a generator that the reference does not hold.

    - 'elsewhere': called AI, and far from all images of the reference
    - 'doubtful': with probabilities around one half
    - 'taken_for_real': called real, and a little apart from real images
    """
    random = np.random.default_rng((1, seed))
    evidence = random.normal({"elsewhere": 1.3, "doubtful": 0.0, "taken_for_real": -1.6}[kind], 0.3, images)
    embedding = random.normal(size=(images, AXES)).astype(np.float32)
    embedding[:, 0] = evidence
    embedding[:, 1] += {"elsewhere": 6.0, "doubtful": 0.0, "taken_for_real": 2.0}[kind]
    return jpegs(expit(2.6 * evidence), embedding, random)


def join(*samples: Sample) -> Sample:
    """Concatenate samples with embeddings."""
    columns = {field.name: np.concatenate([getattr(one, field.name) for one in samples]) for field in fields(Sample)}
    return Sample(**columns)


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
    not_estimable="the traffic has drifted (new_generator)",
    suspects=("0" * 32,),
)
_CHANGES: dict[str, dict[str, object]] = {
    "drifting": {},
    "ok": {
        "attribution": "none",
        "reason": "No signal is over its limit.",
        "suspects": (),
        "accuracy": Estimate(0.81, 0.74, 0.88),
        "ai_share": Estimate(0.55, 0.49, 0.61),
        "not_estimable": None,
    },
    "unknown": {
        "attribution": "none",
        "cause": "too_few",
        "reason": "too few",
        "signals": (),
        "not_estimable": None,
        "suspects": (),
        "rows": 0,
    },
}


def found(state: str = "drifting", *, minutes_ago: float = 0, now: datetime = NOON, **changes: Any) -> DriftResult:
    """Return a measurement of version 7 with that outcome, made so many minutes ago."""
    at = now - timedelta(minutes=minutes_ago)
    return _NEW_GENERATOR.model_copy(update={"measured_at": at, "state": state} | _CHANGES[state] | changes)


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
    """Return the prediction of that number, on its own image, given so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    return replace(_ONE, **{"id": f"{number:032x}", "at": at, "image_sha256": f"{number:064x}"} | changes)
