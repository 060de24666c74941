"""Judges image files: takes their bytes and a detector, returns scores and decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from model.detectors.artifact import Card
from model.detectors.decision import UNSURE, band_below, images_needed, measure_stability, name_decision, name_label
from model.detectors.detector import Detector, Scores
from model.detectors.domain import explain_outside
from model.errors import InvalidImage
from model.images.decoding import Limits
from model.images.notes import Note
from model.labels import CLASSES, REAL
from service.answers.options import Options
from service.answers.problems import Refusal
from service.answers.verdict import Decision
from service.verdicts.image_views import Seen, look, look_at_all
from service.verdicts.model_store import ServedModel

TENSOR_PIXELS: Final = 64 * 32 * 32
"""Most pixels of one tensor batch, since activations take 1 kB a pixel: 64 images of the smallest size."""

TENSOR_ROWS: Final = 16
"""Images that a tensor batch may hold at any size: an image takes 1.9 ms alone, 1.1 ms among 16 and among 64."""


Score = Callable[[Detector, NDArray[np.uint8]], tuple[Scores, float]]
"""Scores views [N, size, size, 3]; returns the scores, and the seconds that the views took."""

Pause = Callable[[], float]
"""Lets other requests compute first between two steps of a long computation; returns for how many seconds they did."""


def go_on() -> float:
    """Go on without a pause."""
    return 0.0


@dataclass(frozen=True, kw_only=True)
class DecisionRule:
    """How a probability becomes a label and a decision.

    The label is 'ai' from `threshold` up. In `band` (ends included) the decision is 'unsure'. `operating_point` is the
    false-positive rate that was asked for; None stands for the rule of the detector's card.
    """

    threshold: float
    band: tuple[float, float]
    operating_point: str | None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The scores that a version of the detector gave to one image, and the rule that decides by them.

    `scores` has a row for each of `seen.views`: the image as it came, then its re-shipped versions if its stability was
    asked for. `inference` is in seconds.
    """

    model: ServedModel
    seen: Seen
    scores: Scores
    rule: DecisionRule
    inference: float

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What limits the verdict or makes it doubtful."""
        return (*self._outside, *self.seen.notes)

    @property
    def in_domain(self) -> bool | None:
        """Whether the image resembles those that the detector was trained on; None if the detector cannot tell."""
        return None if self.domain_distance is None else not self._outside

    @property
    def domain_distance(self) -> float | None:
        """Distance of the image from the training images, 1 at the limit; None if the detector cannot tell."""
        domain, distance = self.model.detector.card.domain, self.scores.distance
        return None if domain is None or distance is None else float(distance[0]) / domain.limit

    @cached_property
    def _outside(self) -> tuple[Note, ...]:
        card, distance, image = self.model.detector.card, self.scores.distance, self.seen.image
        if card.domain is None or distance is None:
            return ()
        return explain_outside(
            card.domain, card.trained_on, distance=float(distance[0]), width=image.width, height=image.height
        )

    @property
    def probability(self) -> float:
        """Calibrated probability that the image is AI-generated."""
        return float(self.scores.probability[0])

    @property
    def label(self) -> Literal["real", "ai"]:
        """The likelier class."""
        return cast(Literal["real", "ai"], name_label(self.probability, self.rule.threshold))

    @property
    def stability(self) -> float | None:
        """Share of the re-shipped versions with the label of the image, None if no stability was asked for."""
        probability, *reshipped = self.scores.probability.tolist()
        return measure_stability(probability, reshipped, self.rule.threshold) if reshipped else None

    @property
    def decision(self) -> Decision:
        """What to act on: the label, or 'unsure'."""
        doubtful = self.stability not in (None, 1) or any(note.unsure for note in self.notes)
        decided = UNSURE if doubtful else name_decision(self.probability, self.rule.threshold, self.rule.band)
        return cast(Decision, decided)


def score_alone(detector: Detector, pixels: NDArray[np.uint8]) -> tuple[Scores, float]:
    """Score views, in as few tensors as `score_views` does, without those of other requests."""
    started = perf_counter()
    return score_views(detector, pixels), perf_counter() - started


def judge(
    data: bytes,
    model: ServedModel,
    *,
    limits: Limits,
    options: Options,
    trust_list: str = "",
    score: Score = score_alone,
) -> Judged:
    """Decode `data` and let `model` judge it; `trust_list` is as in `read_credentials`.

    Raises InvalidImage when `data` is no image within `limits`, Refusal when the card lacks the operating point.
    """
    rule = _choose_rule(model.detector.card, options)
    seen = look(data, model.detector.preprocess, limits=limits, reship=options.stability, trust_list=trust_list)
    scores, inference = score(model.detector, seen.views)
    return Judged(model=model, seen=seen, scores=scores, rule=rule, inference=inference)


def judge_all(
    files: Sequence[bytes],
    model: ServedModel,
    *,
    limits: Limits,
    options: Options,
    trust_list: str = "",
    pause: Pause = go_on,
) -> list[Judged | InvalidImage]:
    """Judge several files, in order; a file that is not accepted (see `look_at_all`) has its error instead.

    `score_views` puts the views of all images into as few tensor batches as possible. `pause` is called after each
    image and each tensor batch. Raises Refusal when the card lacks the operating point.
    """
    rule = _choose_rule(model.detector.card, options)
    looks: list[Seen | InvalidImage] = []
    preprocess = model.detector.preprocess
    for one in look_at_all(files, preprocess, limits=limits, reship=options.stability, trust_list=trust_list):
        looks.append(one)
        pause()
    seen = [one for one in looks if isinstance(one, Seen)]
    judged = iter(_score(seen, model, rule, pause) if seen else ())
    return [next(judged) if isinstance(one, Seen) else one for one in looks]


def score_views(detector: Detector, pixels: NDArray[np.uint8], pause: Pause = go_on) -> Scores:
    """Score views [N, size, size, 3] in as few tensors as TENSOR_PIXELS and TENSOR_ROWS allow; pause in between."""
    _, height, width, _ = pixels.shape
    rows = max(TENSOR_ROWS, TENSOR_PIXELS // (height * width))
    parts = [detector.score(pixels[:rows])]
    for first in range(rows, len(pixels), rows):
        pause()
        parts.append(detector.score(pixels[first : first + rows]))
    return parts[0] if len(parts) == 1 else Scores.join(parts)


def _choose_rule(card: Card, options: Options) -> DecisionRule:
    rate = options.max_fpr
    if rate is None:
        return DecisionRule(threshold=card.threshold, band=card.band, operating_point=None)
    if rate not in card.operating_points:
        raise Refusal("unknown_operating_point", _explain_missing_point(card, rate))
    threshold = card.operating_points[rate]
    return DecisionRule(threshold=threshold, band=band_below(threshold, card.band), operating_point=rate)


def _explain_missing_point(card: Card, rate: str) -> str:
    known = ", ".join(card.operating_points) or "none"
    told = f"the detector in service has no operating point for max_fpr={rate[:40]}; it has: {known}"
    real, asked = card.calibrated_on.get(CLASSES[REAL]), _to_rate(rate)
    if real is not None and asked is not None and (needed := images_needed(asked)) > real:
        told += f". It was calibrated on {real:,} real images, and this rate needs {needed:,}: add real images"
    return told


def _to_rate(text: str) -> float | None:
    """Return the false-positive rate that `text` stands for, None if it is no number above 0 and below 1."""
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 1e-9 < rate < 1 else None  # smaller ones need more images than there are


def _score(seen: Sequence[Seen], model: ServedModel, rule: DecisionRule, pause: Pause = go_on) -> list[Judged]:
    """Score the views of all images; the time, without pauses, is divided equally among the images."""
    paused = 0.0

    def rest() -> float:
        nonlocal paused
        seconds = pause()
        paused += seconds
        return seconds

    started = perf_counter()
    views = np.concatenate([one.views for one in seen])
    scores = score_views(model.detector, views, rest)
    inference = (perf_counter() - started - paused) / len(seen)
    of_each = len(seen[0].views)
    return [
        Judged(
            model=model,
            seen=one,
            scores=scores.take(slice(first, first + of_each)),
            rule=rule,
            inference=inference,
        )
        for one, first in zip(seen, range(0, len(views), of_each), strict=True)
    ]
