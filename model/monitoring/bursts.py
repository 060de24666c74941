"""Measures how much images that arrive one after another resemble each other, and thins bursts of them. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.detectors.traffic_sample import Sample

_LONGEST: Final = 50
"""Images that a burst may hold, others that arrive meanwhile included. Images farther apart count as unrelated."""
_SHORTEST: Final = 5
"""Images that a burst may hold at least, for the likeness to be measured."""
_PARTS: Final = 20
"""A burst holds at most this part of the images, so that few neighbours lie on two sides of a change of traffic."""
_KEPT: Final = 0.75
"""Share of the differences that count, the smallest ones. The others may be across a change of the traffic."""

Matrix = NDArray[np.floating]
Positions = NDArray[np.integer]


def thin_bursts(recent: Sample) -> Positions:
    """Return the positions of recent images that count as independent, in ascending order.

    `recent` is sorted by time. Of every k images in a row one is drawn, where k is the `repetition` of the embeddings.
    The draw is random with a fixed seed, because a fixed step could always meet the same sender. Without embeddings, or
    with fewer than 100 images, all images stay.
    """
    if recent.embedding is None or len(recent) < _SHORTEST * _PARTS:
        return np.arange(len(recent))
    step = int(repetition(recent.embedding))
    drawn = np.random.default_rng(0).integers(step, size=-(-len(recent) // step))
    chosen = np.arange(len(drawn)) * step + drawn
    return chosen[chosen < len(recent)]


def repetition(embedding: Matrix) -> float:
    """Return how many images in a row tell as much as one independent image: 1 if neighbours are not more alike.

    `embedding` [n, d] is in the order of time; n is at least 20. The result is the variance inflation of a mean:
    1 + 2 * (sum of the correlations of neighbours). Source: Priestley, 1981, "Spectral Analysis and Time Series",
    section 5.3.2. The correlation of images h places apart is 1 - v(h) / v(far). Here v is the mean squared difference
    (the variogram, Matheron, 1963), without its largest quarter. So a change of the traffic hardly counts as likeness.
    """
    longest = min(_LONGEST, len(embedding) // _PARTS)
    apart = np.array([_difference(embedding, lag) for lag in range(1, 2 * longest + 1)])
    far = apart[longest:].mean()
    return 1.0 if far == 0 else max(1.0, 1 + 2 * float((1 - apart[:longest] / far).sum()))


def _difference(embedding: Matrix, lag: int) -> float:
    """Return the mean squared difference of the rows that are `lag` places apart, without the largest quarter."""
    squares = np.sort(((embedding[lag:] - embedding[:-lag]) ** 2).sum(axis=1))
    return float(squares[: int(_KEPT * len(squares))].mean())
