"""Forecasts the recall on an unseen generator, from detectors that were each trained without one generator."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import ClassVar, Final

import pandas as pd
from scipy.stats import t

from model.dataset.lake import Lake
from model.dataset.manifest import split_rows
from model.detectors.detector import Detector
from model.errors import DatasetError
from model.estimate import CONFIDENCE, Estimate
from model.evaluation.evaluate import find_in_domain
from model.evaluation.scoring import score_images
from model.labels import AI, CLASSES
from model.metrics import proportion
from model.record import Record, Sequenced

LEAST_IMAGES: Final = 30
"""Fewest test images of a generator that is left out. With fewer images the interval of its recall is too wide to be of
use."""


@dataclass(frozen=True)
class Unseen:
    """The share of a generator's `rows` test images called AI by a detector trained without that generator.

    `out_of_domain` is the share of them that the detector takes for unlike its training images; None: not measured.
    """

    generator: str
    rows: int
    recall: Estimate
    out_of_domain: Estimate | None = None


@dataclass(frozen=True)
class Forecast(Record):
    """The recall to expect on one generator that `dataset_version` does not hold.

    `unseen` holds a measurement for each generator that was left out of a training. The value of `recall` is their
    mean, in which each generator counts the same. Its interval holds the recall of one further generator, not only the
    mean of all, with 95 % confidence if generators are drawn alike. `recall` follows from `unseen`: a forecast of an
    earlier release, which had the interval of the mean, is read with this one.
    """

    kind: ClassVar = "forecast"
    indent: ClassVar = 2

    dataset_version: str
    unseen: Sequenced[Unseen]
    recall: Estimate = field(default=Estimate(0.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        """Compute `recall`."""
        object.__setattr__(self, "recall", predict_next(self.unseen))

    def __str__(self) -> str:
        lines = (f"{one.generator}: {one.recall.value:.2%} of {one.rows} images found" for one in self.unseen)
        told = f"{self.recall.value:.2%} on average, {self.recall.low:.2%} to {self.recall.high:.2%} for the next one"
        return "\n".join((f"recall to expect on an unseen generator: {told}", *lines))


def choose_generators(manifest: pd.DataFrame, *, least: int = LEAST_IMAGES) -> list[str]:
    """List the generators with at least `least` test images, sorted.

    Raises DatasetError if there are fewer than two: a detector trained without one generator must learn from another.
    """
    counts = split_rows(manifest, "test")["generator"].value_counts()
    chosen = sorted(map(str, counts.index[counts >= least]))
    if len(chosen) < 2:
        raise DatasetError(
            f"a forecast needs two generators with {least} test images each; there are: {counts.to_dict() or 'none'}"
        )
    return chosen


def measure_unseen(detector: Detector, lake: Lake, manifest: pd.DataFrame, generator: str) -> Unseen:
    """Measure the recall of a detector on the test images of a generator it was trained without, at its own threshold.

    Raises DatasetError for a generator without test images, and for a detector that was not trained without
    `generator`.
    """
    kept_from = detector.card.training.get("leave_out")
    if kept_from != generator:
        raise DatasetError(
            f"the detector was trained without '{kept_from}', so '{generator}' is not unseen: train one without it"
        )
    rows = split_rows(manifest, "test")
    rows = rows[(rows["generator"] == generator) & (rows["label"] == CLASSES[AI])]
    if rows.empty:
        raise DatasetError(f"there are no test images by '{generator}'")
    scored = score_images(detector, lake, rows)
    called = scored.probability >= detector.card.threshold
    inside = find_in_domain(detector.card, scored.distance, rows)
    return Unseen(
        generator,
        len(rows),
        recall=proportion(int(called.sum()), len(rows)),
        out_of_domain=None if inside is None else proportion(int((~inside).sum()), len(rows)),
    )


def summarise(dataset_version: str, unseen: Iterable[Unseen]) -> Forecast:
    """Summarise the measurements of all generators, the lowest recall first. Raises ValueError if there are none."""
    ordered = tuple(sorted(unseen, key=lambda one: (one.recall.value, one.generator)))
    if not ordered:
        raise ValueError("a forecast of no generators is undefined")
    return Forecast(dataset_version, ordered)


def predict_next(unseen: Sequence[Unseen]) -> Estimate:
    """Return the mean recall with the interval in which the recall of one further generator lies.

    The interval is mean +- t s sqrt(1 + 1 / G) over G recalls (Hahn and Meeker, 1991, "Statistical intervals", section
    4.8). The recalls are taken as angles, whose spread is much the same near 1 as elsewhere (Anscombe, 1948). Logits
    held fewer generators in simulations. For a single generator the interval is [0, 1]; so it is for none, with the
    mean 0.
    """
    if len(unseen) < 2:
        return Estimate(unseen[0].recall.value if unseen else 0.0, 0.0, 1.0)
    mean = fmean(one.recall.value for one in unseen)
    angles = [math.asin(math.sqrt((one.recall.value * one.rows + 0.375) / (one.rows + 0.75))) for one in unseen]
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(angles) - 1)) * stdev(angles) * math.sqrt(1 + 1 / len(angles))
    ends = (min(max(fmean(angles) + end, 0.0), math.pi / 2) for end in (-reach, reach))
    low, high = (math.sin(end) ** 2 for end in ends)
    return Estimate(mean, min(low, mean), max(high, mean))
