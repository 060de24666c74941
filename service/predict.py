"""POST /predict: one image in, one verdict out."""

import hashlib
from time import perf_counter
from typing import cast

import numpy as np
from apiflask import APIBlueprint
from flask import g, request
from structlog.contextvars import bind_contextvars

from model.decision import decide
from model.images import Limits, decode
from service.context import context
from service.model_store import ServedModel
from service.problems import answers
from service.uploads import read_image_bytes
from service.verdict import EXAMPLE, Decision, ImageFacts, ModelReference, Timings, Verdict

blueprint = APIBlueprint("predict", __name__)


@blueprint.post("/predict")
@blueprint.doc(responses=answers(400, 413, 415, 422, 503))
@blueprint.output(Verdict, description="The verdict", example=EXAMPLE)
def predict() -> Verdict:
    """Judge an image.

    Send the file as the multipart field 'file', or as the body itself under its image/* content type. The detector in
    production answers, and the verdict names its version.
    """
    shared = context()
    model = shared.require_model()
    verdict = judge(read_image_bytes(request), model, limits=shared.limits, request_id=g.request_id)
    shared.metrics.verdict_given(verdict)
    bind_contextvars(version=verdict.model.version, decision=verdict.decision, image_sha256=verdict.image.sha256)
    return verdict


def judge(data: bytes, model: ServedModel, *, limits: Limits, request_id: str) -> Verdict:
    """Decode `data` and let `model` judge it; raises InvalidImage when it holds no image within `limits`."""
    card = model.detector.card
    started = perf_counter()
    image = decode(data, limits=limits)
    decoded = perf_counter()
    pixels = model.detector.preprocess(image.rgb)
    preprocessed = perf_counter()
    probability = float(model.detector.score(pixels[np.newaxis]).probability[0])
    scored = perf_counter()
    is_ai = probability >= card.threshold
    return Verdict(
        label="ai" if is_ai else "real",
        probability=probability,
        decision=cast(Decision, decide(probability, card.threshold, card.band)),
        confidence=probability if is_ai else 1 - probability,
        threshold=card.threshold,
        stability=None,
        evidence=[],
        model=_reference(model),
        image=ImageFacts(
            sha256=hashlib.sha256(data).hexdigest(), format=image.format, width=image.width, height=image.height
        ),
        request_id=request_id,
        timings_ms=Timings(
            decode=_ms(decoded - started),
            preprocess=_ms(preprocessed - decoded),
            inference=_ms(scored - preprocessed),
            total=_ms(perf_counter() - started),
        ),
    )


def _reference(model: ServedModel) -> ModelReference:
    version = model.version
    return ModelReference(
        name=version.name, version=version.version, sha256=version.sha256, dataset_version=version.dataset_version
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
