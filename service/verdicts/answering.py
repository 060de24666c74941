"""Builds the verdict that an endpoint returns, and the row that the prediction log keeps of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

import numpy as np
from flask import Response
from numpy.typing import NDArray
from pydantic import BaseModel

from model.detectors.decision import UNSURE
from model.detectors.traffic_sample import EMBEDDING
from model.images.provenance.findings import Finding
from model.labels import AI, CLASSES
from model.monitoring.predictions import Packed, Prediction
from service.answers.verdict import Decision, ModelReference, Timings, Verdict
from service.verdicts.judging import Judged

_MOST: Final = np.finfo(EMBEDDING).max


def to_verdict(judged: Judged, *, request_id: str) -> Verdict:
    """Return the verdict on a judged image, under a new id."""
    probability, decision, evidence = judged.probability, judged.decision, judged.seen.evidence
    return Verdict(
        id=uuid4().hex,
        label=judged.label,
        probability=probability,
        decision=decision,
        confidence=probability if judged.label == CLASSES[AI] else 1 - probability,
        threshold=judged.rule.threshold,
        operating_point=judged.rule.operating_point,
        stability=judged.stability,
        evidence=list(evidence),
        conflict=_conflicts(decision, evidence),
        receipt=None,
        model=ModelReference.model_validate(judged.version),
        image=judged.seen.image,
        request_id=request_id,
        timings_ms=_to_timings(judged),
    )


def to_prediction(verdict: Verdict, judged: Judged, *, client: str, at: datetime) -> Prediction:
    """Return the row of the prediction log for a verdict that was given at the time `at` (UTC)."""
    embedding = judged.scores.embedding
    return Prediction(
        id=verdict.id,
        at=at,
        model_version=verdict.model.version,
        model_sha256=verdict.model.sha256,
        image_sha256=verdict.image.sha256,
        label=verdict.label,
        probability=verdict.probability,
        decision=verdict.decision,
        width=verdict.image.width,
        height=verdict.image.height,
        format=verdict.image.format,
        client=client,
        bytes=judged.seen.bytes,
        jpeg_quality=judged.seen.jpeg_quality,
        decode_ms=verdict.timings_ms.decode,
        inference_ms=verdict.timings_ms.inference,
        embedding=None if embedding is None else _pack(embedding[0]),
    )


def respond(answer: BaseModel) -> Response:
    """Return an answer as JSON, written in one step; APIFlask takes three, by way of a dict, which is slower."""
    return Response(answer.model_dump_json(), content_type="application/json")


def _conflicts(decision: Decision, evidence: Sequence[Finding]) -> bool:
    """Return whether a finding says the opposite of `decision`; 'unsure' has no opposite."""
    return decision != UNSURE and any(finding.says not in {decision, "nothing"} for finding in evidence)


def _to_timings(judged: Judged) -> Timings:
    seen = judged.seen
    return Timings(
        decode=_ms(seen.decode),
        preprocess=_ms(seen.preprocess),
        inference=_ms(judged.inference),
        total=_ms(seen.total + judged.inference),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _pack(embedding: NDArray[np.float32]) -> Packed:
    """Return the values as a row stores them; values beyond the range of the type are clipped, not infinite."""
    return np.minimum(np.maximum(embedding, -_MOST), _MOST).astype(EMBEDDING).tobytes()
