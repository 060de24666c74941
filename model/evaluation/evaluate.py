"""Measures how well a detector does on one split of a dataset version, as a Report."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import metrics
from model.dataset.lake import Lake
from model.dataset.manifest import split_rows
from model.detectors.artifact import Card
from model.detectors.decision import UNSURE, name_decision
from model.detectors.detector import Detector
from model.detectors.domain import find_inside
from model.detectors.training_data import describe_training
from model.errors import DatasetError
from model.estimate import Estimate
from model.evaluation.report import Latency, OperatingPoint, Predictions, Report, Slice
from model.evaluation.robustness import choose_sample, measure_robustness, measure_stability
from model.evaluation.scoring import score_images
from model.labels import AI, CLASSES, REAL
from model.metrics import Clusters, Labels, Probabilities

SIZES: Final = ("up to 64 px", "65 to 256 px", "257 to 1024 px", "over 1024 px")
"""Groups of images by their shorter side: thumbnails, previews, images on the web, photos of a camera."""
_SIZE_ENDS: Final = (64, 256, 1024)
"""The largest shorter side of each group in pixels; the last group has no limit."""

_NOTHING_KNOWN: Final = Estimate(0.0, 0.0, 1.0)
_TIMED_IMAGES: Final = 100
_WARM_UP_IMAGES: Final = 5
_USUAL_GROWTH: Final = 4
"""Images of more than so many times the median's pixels are not timed."""


def evaluate_detector(
    detector: Detector,
    lake: Lake,
    manifest: pd.DataFrame,
    *,
    dataset_version: str,
    split: str = "test",
    batch_size: int = 64,
) -> Report:
    """Score the images of one split of `manifest`, the rows of `dataset_version`, `batch_size` images at a time.

    Raises DatasetError unless the split holds images of both classes, and InvalidImage for an image that cannot be
    decoded.
    """
    rows = split_rows(manifest, split)
    labels = rows["label"].map(CLASSES.index).to_numpy(int)
    if set(labels) != set(range(len(CLASSES))):
        found = rows["label"].value_counts().to_dict() or "none"
        raise DatasetError(f"split '{split}' of {dataset_version} needs images of both classes, it has: {found}")
    sampled = choose_sample(rows)
    scored = score_images(detector, lake, rows, sampled=sampled, batch_size=batch_size)
    groups, clusters = group_images(rows), pd.factorize(rows["cluster"])[0]
    probabilities, card = scored.probability, detector.card
    before = probabilities[sampled]
    inside = find_in_domain(card, scored.distance, rows)
    return Report(
        dataset_version=dataset_version,
        split=split,
        rows=len(rows),
        onnx_sha256=card.onnx_sha256,
        threshold=card.threshold,
        overall=_measure(labels, probabilities, clusters, card, inside),
        slices=tuple(_slice(groups, labels, probabilities, clusters, card.threshold, inside)),
        latency=_time(detector, lake, rows),
        size_bytes=detector.size_bytes,
        predictions=Predictions(
            tuple(rows["sha256"]),
            tuple(labels.tolist()),
            tuple(probabilities.tolist()),
            {column: tuple(values) for column, values in groups.items()},
            tuple(clusters.tolist()),
            tuple(_find_answered(probabilities, card, inside).tolist()),
        ),
        operating_points=_operating_points(labels, probabilities, clusters, card),
        robustness=measure_robustness(
            labels[sampled], before, scored.degraded, clusters[sampled], threshold=card.threshold
        ),
        alpha=card.alpha,
        training=describe_training(card.trained_on),
        stable=measure_stability(before, scored.degraded, clusters[sampled], threshold=card.threshold, band=card.band),
    )


def group_images(rows: pd.DataFrame) -> dict[str, NDArray[np.object_]]:
    """Group images by generator, source, collection, format, size and month; None: in no group of a column.

    Real images have no generator. So a slice by generator holds AI images only, and its accuracy is the recall. The
    month (`entered`) is that of the ingestion. Without a second month there is nothing to compare, and no group.
    """
    shorter = rows[["width", "height"]].min(axis=1).to_numpy(int)
    columns = rows[["generator", "source", "collection", "format"]].astype(object)
    known = columns.where(columns.notna(), None)
    sizes = np.array(SIZES, dtype=object)[np.searchsorted(_SIZE_ENDS, shorter)]
    months = rows["ingested_at"].dt.strftime("%Y-%m").to_numpy(object)
    entered = months if len(set(months)) > 1 else np.full(len(rows), None)
    return {str(column): known[column].to_numpy(object) for column in known} | {"size": sizes, "entered": entered}


def find_in_domain(card: Card, distance: NDArray[np.float32] | None, rows: pd.DataFrame) -> NDArray[np.bool_] | None:
    """Mark the images of `rows` [N] that are in the domain of a detector; None if the detector cannot tell.

    `distance` [N] is what the detector measured.
    """
    if card.domain is None or distance is None:
        return None
    return find_inside(
        card.domain,
        card.trained_on,
        distance=distance,
        width=rows["width"].to_numpy(int),
        height=rows["height"].to_numpy(int),
    )


def _measure(
    labels: Labels, probabilities: Probabilities, clusters: Clusters, card: Card, inside: NDArray[np.bool_] | None
) -> dict[str, Estimate]:
    threshold = card.threshold
    return {
        "accuracy": metrics.accuracy(labels, probabilities, threshold, clusters),
        "f1": metrics.f1_score(labels, probabilities, threshold, clusters),
        "auroc": metrics.auroc(labels, probabilities, clusters),
        "ece": metrics.estimate_calibration_error(labels, probabilities, clusters),
        "fpr": metrics.false_positive_rate(labels, probabilities, threshold, clusters),
        "tpr": metrics.true_positive_rate(labels, probabilities, threshold, clusters),
        **_measure_answers(labels, probabilities, clusters, card, inside),
        **({} if inside is None else {"out_of_domain": metrics.share(~inside, clusters)}),
    }


def _measure_answers(
    labels: Labels, probabilities: Probabilities, clusters: Clusters, card: Card, inside: NDArray[np.bool_] | None
) -> dict[str, Estimate]:
    """Measure the share of images that are answered, of wrong ones among the answers, and of wrong ones in each class.

    Without any answer the second share is unknown: 0 to 1.
    """
    answered = _find_answered(probabilities, card, inside)
    wrong = answered & ((probabilities >= card.threshold) != (labels == AI))
    return {
        "answered": metrics.share(answered, clusters),
        "answered_error": metrics.share_of(answered, wrong, clusters) if answered.any() else _NOTHING_KNOWN,
        "answered_fpr": metrics.share_of(labels == REAL, wrong, clusters),
        "answered_fnr": metrics.share_of(labels == AI, wrong, clusters),
    }


def _find_answered(probabilities: Probabilities, card: Card, inside: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Mark the images whose verdict is not 'unsure': outside the band, and not out of the domain."""
    verdicts = np.array([name_decision(probability, card.threshold, card.band) for probability in probabilities])
    answered: NDArray[np.bool_] = (verdicts != UNSURE) & (True if inside is None else inside)
    return answered


def _slice(
    groups: Mapping[str, NDArray[np.object_]],
    labels: Labels,
    probabilities: Probabilities,
    clusters: Clusters,
    threshold: float,
    inside: NDArray[np.bool_] | None,
) -> Iterator[Slice]:
    for column, values in groups.items():
        grouped = pd.Series(values, dtype=object).groupby(values).indices  # None is no group
        found = {str(value): members for value, members in grouped.items()}
        for value in sorted(found, key=lambda value: (SIZES.index(value) if column == "size" else 0, value)):
            members = found[value]
            accuracy = metrics.accuracy(labels[members], probabilities[members], threshold, clusters[members])
            outside = None if inside is None else metrics.share(~inside[members], clusters[members])
            yield Slice(column, value, len(members), accuracy, outside)


def _operating_points(
    labels: Labels, probabilities: Probabilities, clusters: Clusters, card: Card
) -> tuple[OperatingPoint, ...]:
    return tuple(
        OperatingPoint(
            rate=float(rate),
            threshold=threshold,
            fpr=metrics.false_positive_rate(labels, probabilities, threshold, clusters),
            tpr=metrics.true_positive_rate(labels, probabilities, threshold, clusters),
            bound=card.operating_bounds.get(rate),
        )
        for rate, threshold in sorted(card.operating_points.items(), key=lambda point: float(point[0]))
    )


def _time(detector: Detector, lake: Lake, rows: pd.DataFrame) -> Latency:
    """Time the first images of usual size: a few huge ones that stand first would speak for all."""
    pixels = rows["width"].astype(int) * rows["height"].astype(int)
    usual = rows[pixels <= _USUAL_GROWTH * pixels.median()].head(_TIMED_IMAGES)
    for data in lake.read_images(usual.head(_WARM_UP_IMAGES)):
        _time_one(detector, data)
    p50, p95 = np.quantile([_time_one(detector, data) for data in lake.read_images(usual)], [0.5, 0.95])
    return Latency(float(p50), float(p95))


def _time_one(detector: Detector, data: bytes) -> float:
    start = time.perf_counter()
    detector.score(detector.preprocess.read(data)[np.newaxis])
    return (time.perf_counter() - start) * 1000
