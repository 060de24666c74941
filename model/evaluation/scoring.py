"""Scores the images of a split with a detector, as they are and degraded, on all cores of the machine."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset.lake import Lake
from model.detectors.detector import Detector, Scores
from model.images.decoding import SOURCE_LIMITS, decode
from model.images.degradations import DEGRADATIONS
from model.metrics import Probabilities

_LARGE: Final = 16_000_000
"""Pixels of an image that takes a gigabyte and more while it is degraded."""
_ONE_LARGE: Final = Lock()
"""Held by whoever has decoded a large image: on many cores at once, some would take all memory."""


@dataclass(frozen=True)
class Scored:
    """Probabilities of AI: `probability` of each image [N], `degraded` of each sampled image [n, D].

    The D columns are DEGRADATIONS, in order. `distance` [N] is that of each image from the training images, None for a
    detector that does not measure it.
    """

    probability: Probabilities
    degraded: Probabilities
    distance: NDArray[np.float32] | None


def score_images(
    detector: Detector,
    lake: Lake,
    rows: pd.DataFrame,
    *,
    sampled: NDArray[np.bool_] | None = None,
    batch_size: int = 64,
) -> Scored:
    """Score the images of `rows` [N]; images that the mask `sampled` [N] marks are scored degraded as well.

    A degradation gets every pixel of the image, so that `sampled` images are decoded twice. Every core takes a part of
    the rows in a thread: decoding, degrading and scoring release Python's global lock. Raises InvalidImage for an image
    that cannot be decoded.
    """
    sampled = np.zeros(len(rows), bool) if sampled is None else sampled
    workers = os.cpu_count() or 1
    places = [part for part in np.array_split(np.arange(len(rows)), workers) if len(part)]
    with ThreadPoolExecutor(workers) as pool:
        parts = list(
            pool.map(lambda part: _score_part(detector, lake, rows.take(part), sampled[part], batch_size), places)
        )
    distances = [part.distance for part in parts if part.distance is not None]
    return Scored(
        probability=np.concatenate([part.probability for part in parts]),
        degraded=np.concatenate([part.degraded for part in parts]),
        distance=np.concatenate(distances) if distances else None,
    )


def _score_part(
    detector: Detector, lake: Lake, rows: pd.DataFrame, sampled: NDArray[np.bool_], batch_size: int
) -> Scored:
    large = (rows["width"].astype(int) * rows["height"].astype(int) > _LARGE).to_numpy(bool)
    pixels = _views(detector, lake.read_images(rows), sampled, large)
    scores = Scores.join([detector.score(np.stack(batch)) for batch in _batches(pixels, batch_size)])
    views = np.where(sampled, 1 + len(DEGRADATIONS), 1)
    first = views.cumsum() - views
    degraded = first[sampled, np.newaxis] + np.arange(1, 1 + len(DEGRADATIONS))
    probability = scores.probability.astype(np.float64)
    return Scored(
        probability=probability[first],
        degraded=probability[degraded],
        distance=None if scores.distance is None else scores.distance[first],
    )


def _views(
    detector: Detector, images: Iterable[bytes], sampled: NDArray[np.bool_], large: NDArray[np.bool_]
) -> Iterator[NDArray[np.uint8]]:
    """Yield each image preprocessed, and after a sampled image its degraded versions."""
    for data, is_sampled, is_large in zip(images, sampled, large, strict=True):
        with _ONE_LARGE if is_large else nullcontext():
            views = [detector.preprocess.read(data)]
            if is_sampled:
                rgb = decode(data, limits=SOURCE_LIMITS).rgb
                views += [detector.preprocess(degrade(rgb)) for degrade in DEGRADATIONS.values()]
                del rgb
        yield from views


def _batches(pixels: Iterable[NDArray[np.uint8]], size: int) -> Iterator[list[NDArray[np.uint8]]]:
    remaining = iter(pixels)
    while batch := list(islice(remaining, size)):
        yield batch
