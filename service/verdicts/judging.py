"""Judging: an image file and a detector in, a judgement out; what all endpoints that give verdicts share."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Literal, cast
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from model.detectors.artifact import Card
from model.detectors.decision import UNSURE, band_below, decide, measure_stability, name_label
from model.detectors.detector import Detector, Scores
from model.errors import InvalidImage
from model.images.decoding import Limits
from model.images.provenance.findings import Finding
from model.labels import AI, CLASSES
from service.answers.options import Options
from service.answers.problems import Refusal
from service.answers.verdict import Decision, ImageFacts, ModelReference, Timings, Verdict
from service.verdicts.image_views import Seen, look, look_at_all
from service.verdicts.model_store import ServedModel

TENSOR_PIXELS: Final = 64 * 32 * 32
"""Most pixels of one tensor batch, as the network's activations take a kB for each: 64 images of the smallest size."""

TENSOR_ROWS: Final = 16
"""Images that a tensor batch may hold at any size: an image takes 1.9 ms alone, 1.1 ms among 16, no less among 64."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a detector found in one image.

    `pixels` [size, size, 3] uint8 is what the detector saw and `cam` [h, w] float32 its map toward AI. `embedding` [d]
    float32 is where it places the image, None where the detector does not. `stability` is the share of RESHIPPED that
    leave the label as it is, None unless asked for. The decoded picture is not kept: it can have 200 MB.
    """

    sha256: str
    format: str
    width: int
    height: int
    bytes: int
    jpeg_quality: int | None
    pixels: NDArray[np.uint8]
    probability: float
    cam: NDArray[np.float32]
    embedding: NDArray[np.float32] | None
    label: Literal["real", "ai"]
    decision: Decision
    threshold: float
    operating_point: str | None
    stability: float | None
    timings: Timings


@dataclass(frozen=True, kw_only=True)
class _Rule:
    threshold: float
    band: tuple[float, float]
    operating_point: str | None


def judge(data: bytes, model: ServedModel, *, limits: Limits, options: Options) -> Judged:
    """Decode `data` and let `model` judge it.

    Raises InvalidImage when it holds no image within `limits`, Refusal when the card lacks the operating point.
    """
    rule = _choose_rule(model.detector.card, options)
    seen = look(data, model.detector.preprocess, limits=limits, reship=options.stability)
    [judged] = _judge_seen([seen], model.detector, rule)
    return judged


def judge_all(
    files: Sequence[bytes], model: ServedModel, *, limits: Limits, options: Options
) -> list[Judged | InvalidImage]:
    """Judge several files, in order; what cannot be accepted (see `look_at_all`) has its error instead.

    All views of all images are one tensor batch, or as few as `score_views` makes of them. Raises Refusal when the card
    lacks the operating point.
    """
    rule = _choose_rule(model.detector.card, options)
    looks = list(look_at_all(files, model.detector.preprocess, limits=limits, reship=options.stability))
    seen = [one for one in looks if isinstance(one, Seen)]
    judged = iter(_judge_seen(seen, model.detector, rule) if seen else ())
    return [next(judged) if isinstance(one, Seen) else one for one in looks]


def to_verdict(judged: Judged, model: ServedModel, *, request_id: str, evidence: Sequence[Finding] = ()) -> Verdict:
    """Word what `model` found as the answer to a request, under an id of its own."""
    version = model.version
    return Verdict(
        id=uuid4().hex,
        label=judged.label,
        probability=judged.probability,
        decision=judged.decision,
        confidence=judged.probability if judged.label == CLASSES[AI] else 1 - judged.probability,
        threshold=judged.threshold,
        operating_point=judged.operating_point,
        stability=judged.stability,
        evidence=list(evidence),
        conflict=_conflicts(judged.decision, evidence),
        receipt=None,
        model=ModelReference(
            name=version.name, version=version.version, sha256=version.sha256, dataset_version=version.dataset_version
        ),
        image=ImageFacts(sha256=judged.sha256, format=judged.format, width=judged.width, height=judged.height),
        request_id=request_id,
        timings_ms=judged.timings,
    )


def _conflicts(decision: Decision, evidence: Sequence[Finding]) -> bool:
    """Tell whether a finding says the opposite of `decision`; 'unsure' has no opposite."""
    return decision != UNSURE and any(finding.says not in {decision, "nothing"} for finding in evidence)


def _choose_rule(card: Card, options: Options) -> _Rule:
    rate = options.max_fpr
    if rate is None:
        return _Rule(threshold=card.threshold, band=card.band, operating_point=None)
    if rate not in card.operating_points:
        known = ", ".join(card.operating_points) or "none"
        raise Refusal(
            "unknown_operating_point",
            f"the detector in service has no operating point for max_fpr={rate[:40]}; it has: {known}",
        )
    threshold = card.operating_points[rate]
    return _Rule(threshold=threshold, band=band_below(threshold, card.band), operating_point=rate)


def _judge_seen(seen: Sequence[Seen], detector: Detector, rule: _Rule) -> list[Judged]:
    """Score the views of all images and decide on each image, which bears an equal share of the time."""
    started = perf_counter()
    scores = score_views(detector, seen[0].views if len(seen) == 1 else np.concatenate([one.views for one in seen]))
    inference = (perf_counter() - started) / len(seen)
    firsts = range(0, len(scores.probability), len(seen[0].views))
    return [
        _decide(one, scores.take(slice(first, first + len(one.views))), rule, inference)
        for one, first in zip(seen, firsts, strict=True)
    ]


def score_views(detector: Detector, pixels: NDArray[np.uint8]) -> Scores:
    """Score a batch [N, size, size, 3] in as few tensors as TENSOR_PIXELS and TENSOR_ROWS allow."""
    _, height, width, _ = pixels.shape
    rows = max(TENSOR_ROWS, TENSOR_PIXELS // (height * width))
    if len(pixels) <= rows:
        return detector.score(pixels)
    return Scores.join([detector.score(pixels[first : first + rows]) for first in range(0, len(pixels), rows)])


def _decide(seen: Seen, scores: Scores, rule: _Rule, inference: float) -> Judged:
    """Decide by the scores of the views; `inference` is in seconds."""
    probability, *reshipped = scores.probability.tolist()
    stability = measure_stability(probability, reshipped, rule.threshold) if reshipped else None
    is_stable = stability is None or stability == 1
    return Judged(
        sha256=seen.sha256,
        format=seen.format,
        width=seen.width,
        height=seen.height,
        bytes=seen.bytes,
        jpeg_quality=seen.jpeg_quality,
        pixels=seen.views[0],
        probability=probability,
        cam=scores.cam[0],
        embedding=None if scores.embedding is None else scores.embedding[0],
        label=cast(Literal["real", "ai"], name_label(probability, rule.threshold)),
        decision=cast(Decision, decide(probability, rule.threshold, rule.band) if is_stable else UNSURE),
        threshold=rule.threshold,
        operating_point=rule.operating_point,
        stability=stability,
        timings=Timings(
            decode=_ms(seen.decode),
            preprocess=_ms(seen.preprocess),
            inference=_ms(inference),
            total=_ms(seen.total + inference),
        ),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
