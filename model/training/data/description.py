"""Describes the images of a training by the manifest of their dataset version."""

from typing import Final

import pandas as pd

from model.dataset.demonstration import is_drawn
from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.training_data import TrainingData
from model.labels import AI, CLASSES, REAL

RAREST: Final = 0.005
"""Share of the smallest and of the largest images that the range of sizes leaves out."""

_COLUMNS: Final = ("split", "label", "source", "generator", "origin", "format", "width", "height")
_SEEN: Final = ("train", "val")


def describe_training(lake: Lake, version: str, *, leave_out: str = "") -> TrainingData:
    """Describe the training and validation images of a published version, without those by `leave_out`."""
    rows = read_manifest(lake, version, columns=_COLUMNS)
    return describe_rows(rows[rows["split"].isin(_SEEN) & (rows["generator"] != leave_out)])


def describe_rows(rows: pd.DataFrame) -> TrainingData:
    """Describe images, at least one, by their rows in a manifest."""
    sides = rows[["width", "height"]].astype(int)
    counts = _count(rows["label"])
    return TrainingData(
        real=counts.get(CLASSES[REAL], 0),
        ai=counts.get(CLASSES[AI], 0),
        sources=_count(rows["source"]),
        generators=_count(rows["generator"]),
        formats=_count(rows["format"]),
        shorter=_range(sides.min(axis=1)),
        longer=_range(sides.max(axis=1)),
        demonstration=bool(is_drawn(rows["origin"]).all()),
    )


def _count(values: pd.Series) -> dict[str, int]:
    return {str(value): int(images) for value, images in values.value_counts().items()}


def _range(pixels: pd.Series) -> tuple[int, int]:
    return int(pixels.quantile(RAREST, "lower")), int(pixels.quantile(1 - RAREST, "higher"))
