"""Builds the verdict that an endpoint returns, and the row that the prediction log keeps of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast
from uuid import uuid4

import numpy as np
from flask import Response
from numpy.typing import NDArray
from pydantic import BaseModel

from model.detectors.decision import UNSURE
from model.detectors.prevalence import adjust_to_share, find_calibrated_share
from model.detectors.traffic_sample import EMBEDDING
from model.estimate import Estimate
from model.images.provenance.findings import Finding, find_claim
from model.labels import AI, CLASSES, REAL
from model.monitoring.predictions import Packed, Prediction
from service.answers.verdict import Decision, FileSays, Timings, Verdict
from service.verdicts.judging import Judged

_MOST: Final = np.finfo(EMBEDDING).max


def to_verdict(judged: Judged, *, request_id: str, ai_share: Estimate | None = None) -> Verdict:
    """Return the verdict on a judged image, under a new id; `ai_share` is the share of AI images in recent traffic."""
    probability, decision, evidence = judged.probability, judged.decision, judged.seen.evidence
    return Verdict(
        id=uuid4().hex,
        label=judged.label,
        probability=probability,
        decision=decision,
        confidence=probability if judged.label == CLASSES[AI] else 1 - probability,
        predictive_value=_predict_value(judged, ai_share),
        threshold=judged.rule.threshold,
        operating_point=judged.rule.operating_point,
        stability=judged.stability,
        in_domain=judged.in_domain,
        domain_distance=judged.domain_distance,
        notes=list(judged.notes),
        file_says=_file_says(evidence),
        evidence=list(evidence),
        conflict=_conflicts(decision, evidence),
        receipt=None,
        model=judged.model.reference,
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
        in_domain=verdict.in_domain,
    )


def respond(answer: BaseModel) -> Response:
    """Return an answer as JSON, written in one step; APIFlask takes three, by way of a dict, which is slower."""
    return Response(answer.model_dump_json(), content_type="application/json")


def _predict_value(judged: Judged, ai_share: Estimate | None) -> Estimate | None:
    """Return the probability of the label where the share of AI images is `ai_share`; None if it cannot be known."""
    calibrated = find_calibrated_share(judged.model.detector.card.calibrated_on)
    if ai_share is None or calibrated is None or any(note.unsure for note in judged.notes):
        return None
    shares = ai_share.value, ai_share.low, ai_share.high
    value, *ends = (adjust_to_share(judged.probability, calibrated=calibrated, share=share) for share in shares)
    if judged.label != CLASSES[AI]:
        value, *ends = 1 - value, *(1 - end for end in ends)
    return Estimate(value, min(ends), max(ends))


def _file_says(evidence: Sequence[Finding]) -> FileSays | None:
    claim = find_claim(evidence)
    return None if claim is None else cast(FileSays, claim.says)


_OPPOSITES: Final = {CLASSES[AI]: ("real",), CLASSES[REAL]: ("ai", "partly_ai"), UNSURE: ()}


def _conflicts(decision: Decision, evidence: Sequence[Finding]) -> bool:
    """Return whether a finding says the opposite of `decision`; 'unsure' has no opposite."""
    return any(finding.says in _OPPOSITES[decision] for finding in evidence)


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
