"""Forecasts the recall on an unseen generator, from detectors that were each trained without one generator."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import ClassVar, Final

import pandas as pd
from scipy.stats import t

from model.dataset.lake import Lake
from model.dataset.manifest import split_rows
from model.detectors.detector import Detector
from model.errors import DatasetError
from model.estimate import CONFIDENCE, Estimate
from model.evaluation.scoring import score_images
from model.labels import AI, CLASSES
from model.metrics import proportion
from model.record import Record, Sequenced

LEAST_IMAGES: Final = 30
"""Fewest test images of a generator that is left out. With fewer images the interval of its recall is too wide to be of
use."""


@dataclass(frozen=True)
class Unseen:
    """The share of a generator's `rows` test images called AI by a detector trained without that generator."""

    generator: str
    rows: int
    recall: Estimate


@dataclass(frozen=True)
class Forecast(Record):
    """The recall to expect on generators that `dataset_version` does not hold.

    `unseen` holds a measurement for each generator that was left out of a training. `recall` is their mean, in which
    each generator counts the same. Its interval is Student's: the sample is of generators, not of images. For a single
    generator the interval is [0, 1].
    """

    kind: ClassVar = "forecast"
    indent: ClassVar = 2

    dataset_version: str
    unseen: Sequenced[Unseen]
    recall: Estimate

    def __str__(self) -> str:
        lines = (f"{one.generator}: {one.recall.value:.2%} of {one.rows} images found" for one in self.unseen)
        mean = f"{self.recall.value:.2%} ({self.recall.low:.2%} to {self.recall.high:.2%})"
        return "\n".join((f"recall to expect on an unseen generator: {mean}", *lines))


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
    called = score_images(detector, lake, rows).probability >= detector.card.threshold
    return Unseen(generator, len(rows), proportion(int(called.sum()), len(rows)))


def summarise(dataset_version: str, unseen: Iterable[Unseen]) -> Forecast:
    """Summarise the measurements of all generators, the lowest recall first. Raises ValueError if there are none."""
    ordered = tuple(sorted(unseen, key=lambda one: (one.recall.value, one.generator)))
    if not ordered:
        raise ValueError("a forecast of no generators is undefined")
    return Forecast(dataset_version, ordered, _mean([one.recall.value for one in ordered]))


def _mean(values: list[float]) -> Estimate:
    """Return the mean with Student's interval, cut off at 0 and 1; [0, 1] for a single value."""
    mean = fmean(values)
    if len(values) < 2:
        return Estimate(mean, 0.0, 1.0)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach))
