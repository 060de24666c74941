"""Finds the images of a window that the detector sees as nearly the same, such as the frames of a video. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.traffic_sample import Sample

_NEAR: Final = 0.5
"""Two images are near-copies if their distance is below this share of the usual distance of an image of the reference
to its nearest neighbour. The usual distance is the median."""
_RARE: Final = 0.05
"""Share of the reference's images whose nearest neighbour may be as near. It keeps different images apart where the
embedding has few axes."""
_LEAST: Final = 50
"""Fewest images of the reference from which a usual distance is read."""
_AT_ONCE: Final = 1000
"""Rows whose distances are computed at a time."""

Matrix = NDArray[np.floating]
Positions = NDArray[np.integer]


def leave_out_near_copies(reference: Sample, recent: Sample) -> Positions:
    """Return the positions of the recent images without near-copies, in ascending order; the newest of each stays.

    `recent` is sorted from the oldest to the newest image. Images that were sent in a burst and resemble each other are
    one piece of evidence, whatever their number. How near is too near follows from the embeddings [m, d] of the
    reference. Without embeddings, or with a reference of fewer than 50 images, all images stay.
    """
    everything = np.arange(len(recent))
    if reference.embedding is None or recent.embedding is None or len(reference) < _LEAST:
        return everything
    usual = _to_nearest(reference.embedding)
    radius = min(_NEAR * float(np.median(usual)), float(np.quantile(usual, _RARE)))
    candidates = np.flatnonzero(_to_nearest(recent.embedding) < radius)
    left_out = np.zeros(len(recent), dtype=bool)
    while len(candidates):
        newest, candidates = candidates[-1], candidates[:-1]
        apart = np.linalg.norm(recent.embedding[candidates] - recent.embedding[newest], axis=1)
        left_out[candidates[apart < radius]] = True
        candidates = candidates[apart >= radius]
    return everything[~left_out]


def _to_nearest(embedding: Matrix) -> NDArray[np.float64]:
    """Return the distance [n] of each row to the nearest other row; infinite if there is no other row."""
    rows = embedding.astype(np.float64)
    squares = (rows**2).sum(axis=1)
    nearest = np.empty(len(rows))
    for begin in range(0, len(rows), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        distances = squares[part, np.newaxis] + squares - 2 * rows[part] @ rows.T
        own = np.arange(len(distances))
        distances[own, begin + own] = np.inf
        nearest[part] = distances.min(axis=1)
    found: NDArray[np.float64] = np.sqrt(nearest.clip(0))
    return found
