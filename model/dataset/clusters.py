"""Groups copies of one picture into clusters."""

from binascii import unhexlify
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from model.dataset.near_duplicates import ALIKE, near_hashes, near_views
from model.images.sketch import VIEW_BYTES, WORDS, mirrored, unpack

_STILL_ALIKE: Final = 2 * ALIKE
"""Largest Hamming distance between a view of a cluster's centre and the nearest view of another member.

Two copies of one picture may each differ from the picture in ALIKE bits."""

_CANDIDATES: Final = 16
"""Members of a cluster that are tried as its centre."""

_AT_ONCE: Final = 100_000
"""Sketches that are decoded at once, which bounds the memory."""

_Indices = NDArray[np.int64]


def near_clusters(phashes: NDArray[np.int64], sketches: pd.Series) -> _Indices:
    """Return a cluster number [N] for each picture, from its perceptual hash [N] and its sketch [N].

    1. Two pictures with sketches are near if two of their views are (`near_views`). A view of one may be mirrored.
    2. A cluster of such pictures is divided unless each member resembles one picture, its centre. So pictures that are
       near only through a chain of others are not one cluster.
    3. A picture without a sketch entered by an earlier release. The perceptual hash alone decides what is near to such
       a picture (`near_hashes`).
    """
    known = sketches.notna().to_numpy()
    views, pictures = _views(sketches)
    clusters = _divided(near_views(views, pictures, count=len(known)), views, pictures)
    return clusters if known.all() else joined(clusters, near_hashes(phashes, undecided=~known))


def joined(one: _Indices, other: _Indices) -> _Indices:
    """Return the cluster numbers [N] of pictures that are together if they are together in `one` or in `other` [N]."""
    first = int(one.max(initial=-1)) + 1
    size = first + int(other.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(one), dtype=np.int8), (one, first + other)), shape=(size, size))
    return connected_components(edges, directed=False)[1].astype(np.int64)[one]


def _views(sketches: pd.Series) -> tuple[NDArray[np.uint64], _Indices]:
    """Return all views, those of mirrored pictures too, and the number of the picture of each view."""
    parts, counts = [np.empty((0, WORDS), dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    for start in range(0, len(sketches), _AT_ONCE):
        some = pa.chunked_array(sketches.iloc[start : start + _AT_ONCE]).cast(pa.large_string())
        digits = pc.fill_null(some, "").combine_chunks()
        counts.append(np.asarray(pc.binary_length(digits)) // (2 * VIEW_BYTES))
        together = pc.binary_join(pa.LargeListArray.from_arrays([0, len(digits)], digits), pa.scalar("", digits.type))
        parts.append(unpack(unhexlify(together[0].as_buffer())))
    views, number = np.concatenate(parts), np.concatenate(counts)
    pictures = np.repeat(np.arange(len(number)), number)
    whole = np.flatnonzero(np.diff(pictures, prepend=-1))
    return np.concatenate([views, mirrored(views[whole])]), np.concatenate([pictures, pictures[whole]])


def _divided(clusters: _Indices, views: NDArray[np.uint64], pictures: _Indices) -> _Indices:
    """Return the numbers of the parts of the clusters; each member of a part resembles the part's centre."""
    divided, fresh = clusters.copy(), int(clusters.max(initial=-1)) + 1
    of_several = np.flatnonzero((np.bincount(clusters) > 2)[clusters[pictures]])  # a pair has a centre
    order = of_several[np.argsort(clusters[pictures[of_several]], kind="stable")]
    starts = np.flatnonzero(np.diff(clusters[pictures[order]], prepend=-1))
    for cluster in np.split(order, starts[1:]):
        rest = cluster[~_around_centre(views[cluster], pictures[cluster])]
        while len(rest):
            divided[pictures[rest]] = fresh
            fresh += 1
            rest = rest[~_around_centre(views[rest], pictures[rest])]
    return divided


def _around_centre(views: NDArray[np.uint64], pictures: _Indices) -> NDArray[np.bool_]:
    """Mark the views [V] of the pictures that resemble the centre: the candidate that most pictures resemble."""
    members, places = np.unique(pictures, return_inverse=True)
    tried = np.unique(np.linspace(0, len(members) - 1, min(len(members), _CANDIDATES)).astype(np.int64))
    best = np.zeros(len(members), dtype=np.bool_)
    for candidate in tried:
        alike = np.zeros(len(members), dtype=np.bool_)
        for view in views[places == candidate]:
            alike[places[np.bitwise_count(views ^ view).sum(axis=1) <= _STILL_ALIKE]] = True
        if alike.sum() > best.sum():
            best = alike
    marked: NDArray[np.bool_] = best[places]
    return marked
