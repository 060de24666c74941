"""Novelty: which recent images lie where the reference has none, in the facts of their files or in the embedding."""

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.sample import Sample

NEIGHBOURS: Final = 15
_NEAR: Final = 3
_ORDINARY: Final = 0.95
"""Share of the reference that counts as like the rest of it."""
_QUALITY_OF_PNG: Final = -100.0

Matrix = NDArray[np.floating]


def known_containers(reference: Sample, recent: Sample) -> NDArray[np.bool_]:
    """Say of each recent image whether its file is like files of the reference: same format, like size and quality.

    That is, not farther from its third neighbour than 95 % of the reference's images are from theirs.
    """
    return ~_novel(_container(reference), _container(recent))


def novel_images(reference: Sample, recent: Sample) -> NDArray[np.bool_]:
    """Say of each recent image whether it lies farther from the reference, in the embedding, than its own images do."""
    if reference.embedding is None or recent.embedding is None:
        return np.zeros(len(recent), bool)
    return _novel(reference.embedding, recent.embedding)


def own_neighbours(reference: Sample, recent: Sample) -> float:
    """Return how much more often than by chance neighbours in the embedding are of the same sample: 0 by chance, to 1.

    The two-sample test by nearest neighbours (Schilling, 1986; Henze, 1988), scaled to what chance leaves.
    """
    if reference.embedding is None or recent.embedding is None:
        return 0.0
    both = np.concatenate([reference.embedding, recent.embedding])
    is_recent = np.arange(len(both)) >= len(reference)
    distances = _distances(both, both)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, min(NEIGHBOURS, len(both) - 2), axis=1)[:, :NEIGHBOURS]
    same = (is_recent[nearest] == is_recent[:, np.newaxis]).mean(axis=1)
    n, m = len(reference), len(recent)
    expected = np.where(is_recent, m - 1, n - 1) / (n + m - 1)
    return float(((same - expected) / (1 - expected)).mean())


def _container(sample: Sample) -> Matrix:
    quality = np.where(np.isnan(sample.jpeg_quality), _QUALITY_OF_PNG, sample.jpeg_quality)
    formats = np.array([zlib.crc32(name.encode()) for name in sample.format], dtype=np.float64)
    return np.column_stack([20 * np.log2(sample.width), 20 * np.log2(sample.height), quality, formats])


def _novel(reference: Matrix, recent: Matrix) -> NDArray[np.bool_]:
    within = _distances(reference, reference)
    np.fill_diagonal(within, np.inf)
    limit = np.quantile(np.partition(within, _NEAR - 1, axis=1)[:, _NEAR - 1], _ORDINARY)
    distance = np.partition(_distances(recent, reference), _NEAR - 1, axis=1)[:, _NEAR - 1]
    novel: NDArray[np.bool_] = distance > limit
    return novel


def _distances(one: Matrix, other: Matrix) -> Matrix:
    """Return the Euclidean distances [n, m] between the rows of two matrices."""
    squares = (one**2).sum(1)[:, np.newaxis] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squares, 0))
