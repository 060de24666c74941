"""Images of a dataset version, decoded once into memory-mapped arrays of pixels."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.errors import TrainingError
from model.images import SOURCE_LIMITS, decode
from model.labels import CLASSES
from model.lake import Lake
from model.manifest import read_manifest, split_rows
from model.preprocess import Preprocess


@dataclass(frozen=True)
class Samples:
    """Images of one split, ready for the network: `pixels` [N, S, S, 3] uint8 and `labels` [N] float32, AI = 1."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.float32]


def input_size(manifest: pd.DataFrame, *, largest: int) -> int:
    """Return the side of the network's input: `largest`, or the median shorter side of the training images if smaller.

    Small images are not enlarged: it would cost time and add no information.
    """
    rows = split_rows(manifest, "train")
    if rows.empty:
        raise TrainingError("the dataset version has no training images")
    shorter = rows[["width", "height"]].min(axis=1)
    return min(largest, int(shorter.median()))


def load_samples(lake: Lake, version: str, split: str, preprocess: Preprocess, *, cache: Path) -> Samples:
    """Decode a split of a dataset version, or map it from `cache` when that was done before."""
    rows = split_rows(read_manifest(lake, version), split)
    if rows.empty:
        raise TrainingError(f"dataset version '{version}' has no {split} images")
    path = cache / f"{version}-{split}-{preprocess.size}.npy"
    if not path.exists():
        _decode_into(path, lake, rows, preprocess)
    labels = np.array([CLASSES.index(label) for label in rows["label"]], dtype=np.float32)
    return Samples(np.load(path, mmap_mode="r"), labels)


def _decode_into(path: Path, lake: Lake, rows: pd.DataFrame, preprocess: Preprocess) -> None:
    """Write the pixels of `rows` to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{uuid.uuid4().hex}.npy")
    try:
        shape = (len(rows), preprocess.size, preprocess.size, 3)
        pixels = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape)
        for index, data in enumerate(lake.read_images(rows)):
            pixels[index] = preprocess(decode(data, limits=SOURCE_LIMITS).rgb)
        pixels.flush()
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
