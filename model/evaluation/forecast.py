"""Forecast: the recall to expect on a generator nobody has seen, from detectors that were each kept from one."""

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
from model.record import Record

LEAST_IMAGES: Final = 30
"""Test images a generator must have to be left out: with fewer, the interval is wider than what it could tell."""


@dataclass(frozen=True)
class Unseen:
    """The share of a generator's `rows` test images called AI by a detector trained without that generator."""

    generator: str
    rows: int
    recall: Estimate


@dataclass(frozen=True)
class Forecast(Record):
    """What the detectors of one dataset version, each trained without one generator, say of generators to come.

    `recall` is the mean over generators, each counting the same, with Student's interval of that mean: generators are
    the sample here, not images. Of a single one it is [0, 1].
    """

    kind: ClassVar = "forecast"
    indent: ClassVar = 2

    dataset_version: str
    unseen: tuple[Unseen, ...]
    recall: Estimate

    def __str__(self) -> str:
        lines = (f"{one.generator}: {one.recall.value:.2%} of {one.rows} images found" for one in self.unseen)
        mean = f"{self.recall.value:.2%} ({self.recall.low:.2%} to {self.recall.high:.2%})"
        return "\n".join((f"of a generator not yet seen, {mean} may be found", *lines))


def choose_generators(manifest: pd.DataFrame, *, least: int = LEAST_IMAGES) -> list[str]:
    """List the generators with at least `least` test images.

    Raises DatasetError unless there are two of them: what one is kept from has to learn from another.
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

    Raises DatasetError for a generator without test images, and for a detector that was not kept from it.
    """
    kept_from = detector.card.training.get("leave_out")
    if kept_from != generator:
        raise DatasetError(f"the detector was trained without '{kept_from}', so '{generator}' is none it has not seen")
    rows = split_rows(manifest, "test")
    rows = rows[(rows["generator"] == generator) & (rows["label"] == CLASSES[AI])]
    if rows.empty:
        raise DatasetError(f"there are no test images by '{generator}'")
    called = score_images(detector, lake, rows).probability >= detector.card.threshold
    return Unseen(generator, len(rows), proportion(int(called.sum()), len(rows)))


def summarise(dataset_version: str, unseen: Iterable[Unseen]) -> Forecast:
    """Put what was measured of each generator together, the lowest recall first. Raises ValueError without any."""
    ordered = tuple(sorted(unseen, key=lambda one: (one.recall.value, one.generator)))
    if not ordered:
        raise ValueError("a forecast of no generators is undefined")
    return Forecast(dataset_version, ordered, _mean([one.recall.value for one in ordered]))


def _mean(values: list[float]) -> Estimate:
    """Return the mean with Student's interval, cut off at 0 and 1."""
    mean = fmean(values)
    if len(values) < 2:
        return Estimate(mean, 0.0, 1.0)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach))
