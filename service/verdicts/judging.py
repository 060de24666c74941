"""Judges image files: takes their bytes and a detector, returns scores and decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from model.detectors.artifact import Card
from model.detectors.decision import UNSURE, band_below, measure_stability, name_decision, name_label
from model.detectors.detector import Detector, Scores
from model.errors import InvalidImage
from model.images.decoding import Limits
from service.answers.options import Options
from service.answers.problems import Refusal
from service.answers.verdict import Decision
from service.status.pointer import Pointer
from service.verdicts.image_views import Seen, look, look_at_all
from service.verdicts.model_store import ServedModel

TENSOR_PIXELS: Final = 64 * 32 * 32
"""Most pixels of one tensor batch, since activations take 1 kB a pixel: 64 images of the smallest size."""

TENSOR_ROWS: Final = 16
"""Images that a tensor batch may hold at any size: an image takes 1.9 ms alone, 1.1 ms among 16 and among 64."""


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

    version: Pointer
    seen: Seen
    scores: Scores
    rule: DecisionRule
    inference: float

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
        is_stable = self.stability in (None, 1)
        decided = name_decision(self.probability, self.rule.threshold, self.rule.band) if is_stable else UNSURE
        return cast(Decision, decided)


def judge(data: bytes, model: ServedModel, *, limits: Limits, options: Options) -> Judged:
    """Decode `data` and let `model` judge it.

    Raises InvalidImage when `data` is no image within `limits`, Refusal when the card lacks the operating point.
    """
    rule = _choose_rule(model.detector.card, options)
    seen = look(data, model.detector.preprocess, limits=limits, reship=options.stability)
    [judged] = _score([seen], model, rule)
    return judged


def judge_all(
    files: Sequence[bytes], model: ServedModel, *, limits: Limits, options: Options, pause: Pause = go_on
) -> list[Judged | InvalidImage]:
    """Judge several files, in order; a file that is not accepted (see `look_at_all`) has its error instead.

    `score_views` puts the views of all images into as few tensor batches as possible. `pause` is called after each
    image and each tensor batch. Raises Refusal when the card lacks the operating point.
    """
    rule = _choose_rule(model.detector.card, options)
    looks: list[Seen | InvalidImage] = []
    for one in look_at_all(files, model.detector.preprocess, limits=limits, reship=options.stability):
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
        known = ", ".join(card.operating_points) or "none"
        raise Refusal(
            "unknown_operating_point",
            f"the detector in service has no operating point for max_fpr={rate[:40]}; it has: {known}",
        )
    threshold = card.operating_points[rate]
    return DecisionRule(threshold=threshold, band=band_below(threshold, card.band), operating_point=rate)


def _score(seen: Sequence[Seen], model: ServedModel, rule: DecisionRule, pause: Pause = go_on) -> list[Judged]:
    """Score the views of all images; the time, without pauses, is divided equally among the images."""
    paused = 0.0

    def rest() -> float:
        nonlocal paused
        seconds = pause()
        paused += seconds
        return seconds

    started = perf_counter()
    views = seen[0].views if len(seen) == 1 else np.concatenate([one.views for one in seen])
    scores = score_views(model.detector, views, rest)
    inference = (perf_counter() - started - paused) / len(seen)
    of_each = len(seen[0].views)
    return [
        Judged(
            version=model.version,
            seen=one,
            scores=scores.take(slice(first, first + of_each)),
            rule=rule,
            inference=inference,
        )
        for one, first in zip(seen, range(0, len(views), of_each), strict=True)
    ]
