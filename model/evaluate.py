"""Evaluate: how a detector does on one split of a dataset version, as a Report."""

import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import metrics
from model.detector import Detector
from model.errors import DatasetError
from model.images import SOURCE_LIMITS, decode
from model.labels import CLASSES
from model.lake import Lake
from model.manifest import split_rows
from model.metrics import Estimate, Labels, Probabilities
from model.report import Latency, Predictions, Report, Slice

SLICED_BY = ("generator", "source", "format")
_TIMED_IMAGES = 100
_WARM_UP_IMAGES = 5


def evaluate(
    detector: Detector,
    lake: Lake,
    manifest: pd.DataFrame,
    *,
    dataset_version: str,
    split: str = "test",
    batch_size: int = 64,
) -> Report:
    """Score the images of one split of `manifest`, the rows of `dataset_version`, `batch_size` images at a time.

    Raises DatasetError unless the split holds images of both classes, and InvalidImage for one that cannot be decoded.
    """
    rows = split_rows(manifest, split)
    labels = rows["label"].map(CLASSES.index).to_numpy(int)
    if set(labels) != set(range(len(CLASSES))):
        found = rows["label"].value_counts().to_dict() or "none"
        raise DatasetError(f"split '{split}' of {dataset_version} needs images of both classes, it has: {found}")
    probabilities = _score(detector, lake, rows, batch_size)
    threshold = detector.card.threshold
    return Report(
        dataset_version=dataset_version,
        split=split,
        rows=len(rows),
        onnx_sha256=detector.card.onnx_sha256,
        threshold=threshold,
        overall=_measure(labels, probabilities, threshold),
        slices=tuple(_slice(rows, labels, probabilities, threshold)),
        latency=_time(detector, lake, rows),
        size_bytes=0,
        predictions=Predictions(tuple(rows["sha256"]), tuple(labels.tolist()), tuple(probabilities.tolist())),
    )


def _score(detector: Detector, lake: Lake, rows: pd.DataFrame, batch_size: int) -> Probabilities:
    pixels = (detector.preprocess(decode(data, limits=SOURCE_LIMITS).rgb) for data in lake.read_images(rows))
    scored = [detector.score(np.stack(batch)).probability for batch in _batches(pixels, batch_size)]
    return np.concatenate(scored).astype(np.float64)


def _batches(pixels: Iterable[NDArray[np.uint8]], size: int) -> Iterator[list[NDArray[np.uint8]]]:
    remaining = iter(pixels)
    while batch := list(islice(remaining, size)):
        yield batch


def _measure(labels: Labels, probabilities: Probabilities, threshold: float) -> dict[str, Estimate]:
    f1_score = partial(metrics.f1_score, threshold=threshold)
    return {
        "accuracy": metrics.accuracy(labels, probabilities, threshold),
        "f1": metrics.bootstrapped(f1_score, labels, probabilities),
        "auroc": metrics.bootstrapped(metrics.area_under_roc, labels, probabilities),
        "ece": metrics.bootstrapped(metrics.calibration_error, labels, probabilities),
        "fpr": metrics.false_positive_rate(labels, probabilities, threshold),
        "tpr": metrics.true_positive_rate(labels, probabilities, threshold),
    }


def _slice(rows: pd.DataFrame, labels: Labels, probabilities: Probabilities, threshold: float) -> Iterator[Slice]:
    for column in SLICED_BY:
        for value, members in rows.groupby(column).indices.items():  # real images have no generator and are left out
            accuracy = metrics.accuracy(labels[members], probabilities[members], threshold)
            yield Slice(column, str(value), len(members), accuracy)


def _time(detector: Detector, lake: Lake, rows: pd.DataFrame) -> Latency:
    images = list(lake.read_images(rows.head(_TIMED_IMAGES)))
    times = [_time_one(detector, data) for data in images[:_WARM_UP_IMAGES] + images][_WARM_UP_IMAGES:]
    p50, p95 = np.quantile(times, [0.5, 0.95])
    return Latency(float(p50), float(p95))


def _time_one(detector: Detector, data: bytes) -> float:
    start = time.perf_counter()
    detector.score(detector.preprocess(decode(data, limits=SOURCE_LIMITS).rgb)[np.newaxis])
    return (time.perf_counter() - start) * 1000
