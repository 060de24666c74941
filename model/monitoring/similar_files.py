"""Finds the recent files that are like files of the reference, so that only comparable files are compared."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.traffic_sample import Sample

_NEIGHBOUR: Final = 3
_ORDINARY: Final = 0.95
"""Share of the reference's files of a format that count as like the other files of that format."""

Facts = NDArray[np.float64]


def comparable(reference: Sample, recent: Sample) -> NDArray[np.bool_]:
    """Return for each recent file whether the reference holds files of its format and of like size and JPEG quality.

    1. A file's distance is its distance to its third neighbour among the reference's files of its format.
    2. A recent file is comparable if its distance is no larger than that of 95 % of these files.
    3. So if all files of a format have one size, another size is too far. If their sizes vary, most sizes are near
       enough.
    4. If the reference holds three files of a format or fewer, no recent file of that format is comparable.
    """
    alike = np.zeros(len(recent), dtype=bool)
    for name in np.unique(recent.format):
        before, now = reference.format == name, recent.format == name
        if before.sum() > _NEIGHBOUR:
            alike[now] = _near(_facts(reference.take(before)), _facts(recent.take(now)))
    return alike


def _facts(files: Sample) -> Facts:
    """Return the logarithms of both sides times 100, and the JPEG quality [n, 3].

    So a difference of 1 % in a side weighs as much as a difference of 1 in quality.
    """
    quality = np.nan_to_num(files.jpeg_quality, nan=0.0)
    return np.column_stack([100 * np.log(files.width), 100 * np.log(files.height), quality])


def _near(reference: Facts, recent: Facts) -> NDArray[np.bool_]:
    own = _distances(reference, reference)
    np.fill_diagonal(own, np.inf)
    limit = np.quantile(_to_neighbour(own), _ORDINARY)
    near: NDArray[np.bool_] = _to_neighbour(_distances(recent, reference)) <= limit
    return near


def _to_neighbour(distances: Facts) -> Facts:
    near: Facts = np.partition(distances, _NEIGHBOUR - 1, axis=1)[:, _NEIGHBOUR - 1]
    return near


def _distances(one: Facts, other: Facts) -> Facts:
    """Return the distances [n, m] between the rows of two tables: the largest difference of a fact."""
    distances = np.zeros((len(one), len(other)))
    for mine, yours in zip(one.T, other.T, strict=True):
        np.maximum(distances, np.abs(mine[:, np.newaxis] - yours), out=distances)
    return distances
