"""What happens to every verdict before it leaves, whichever endpoint gives it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from flask import Response
from numpy.typing import NDArray
from pydantic import BaseModel
from structlog.contextvars import bind_contextvars

from model.detectors.traffic_sample import EMBEDDING
from model.monitoring.predictions import Packed, Prediction
from service.answers.verdict import Verdict
from service.context import client_name, context
from service.verdicts.judging import Judged

_MOST: Final = np.finfo(EMBEDDING).max


def deliver(verdict: Verdict, judged: Judged) -> Verdict:
    """Count the verdict on `judged`, remember it and name it in the request's line of log."""
    _record(verdict, judged)
    bind_contextvars(
        version=verdict.model.version,
        decision=verdict.decision,
        image_sha256=verdict.image.sha256,
        timings_ms=verdict.timings_ms.model_dump(),
    )
    return verdict


def deliver_batch(verdicts: Sequence[Verdict], judged: Sequence[Judged], *, version: str) -> None:
    """Count and remember each verdict of `version` and sum them up in the request's line of log."""
    for verdict, found in zip(verdicts, judged, strict=True):
        _record(verdict, found)
    bind_contextvars(version=version, decisions=dict(Counter(verdict.decision for verdict in verdicts)))


def respond(answer: BaseModel) -> Response:
    """Write an answer as JSON in one step; APIFlask takes three, by way of a dict, which a verdict a request feels."""
    return Response(answer.model_dump_json(), content_type="application/json")


def to_prediction(verdict: Verdict, judged: Judged, *, client: str, at: datetime) -> Prediction:
    """Return what is remembered of a verdict that was given at a time (UTC)."""
    return Prediction(
        id=verdict.id,
        at=at,
        model_version=verdict.model.version,
        model_sha256=verdict.model.sha256,
        image_sha256=judged.sha256,
        label=judged.label,
        probability=judged.probability,
        decision=judged.decision,
        width=judged.width,
        height=judged.height,
        format=judged.format,
        client=client,
        bytes=judged.bytes,
        jpeg_quality=judged.jpeg_quality,
        decode_ms=judged.timings.decode,
        inference_ms=judged.timings.inference,
        embedding=None if judged.embedding is None else _pack(judged.embedding),
    )


def _pack(embedding: NDArray[np.float32]) -> Packed:
    """Write the values as a row holds them; one that is out of its range becomes the end of it, not infinite."""
    return np.minimum(np.maximum(embedding, -_MOST), _MOST).astype(EMBEDDING).tobytes()


def _record(verdict: Verdict, judged: Judged) -> None:
    shared = context()
    shared.metrics.verdict_given(verdict)
    shared.predictions.record(to_prediction(verdict, judged, client=client_name(), at=datetime.now(UTC)))
