"""Finds pictures that are copies of one picture, by their sketches or their perceptual hashes."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

NEAR: Final = 4
"""Largest Hamming distance between the first words of near-duplicates.

The perceptual hash of an image rarely changes more when the image is saved again or scaled. 97 % or more stay within 4
bits after JPEG (quality 50 to 90), WebP, or scaling by half or two. This includes 32-pixel images."""

ALIKE: Final = 31
"""Largest Hamming distance between whole views of near-duplicates, of 256 bits; the limit that PDQ recommends.

It was measured on 2,181 product images and 2,105 photographs. A copy saved again, mirrored, cropped by 5 % or with a
border differs in 16 bits or fewer in the median. Of 2.4 million pairs of different product images two are so near."""

_SET_BITS: Final = 32
"""Bits set in a usable perceptual hash: a set bit marks a value above the median. Ties set fewer bits."""

_ALL_BITS: Final = np.arange(64, dtype=np.uint64)
_BLOCKS: Final = NEAR + 2
"""Blocks that a word is cut into: if at most NEAR bits differ, at least two blocks are equal."""

_FEWEST_BITS: Final = 25
"""Free bits from which a crowded bucket is divided further; each division takes about a third of them."""

_CROWD: Final = 1_000
"""A bucket with more views is divided further instead of compared pair by pair."""

_PENDING: Final = 500_000
"""Pairs held before they are merged, which bounds the memory."""

_Words = NDArray[np.uint64]
_Indices = NDArray[np.int64]


def near_hashes(hashes: NDArray[np.int64], undecided: NDArray[np.bool_] | None = None) -> _Indices:
    """Return a cluster number [N] for each perceptual hash [N]; near-duplicates get the same number.

    Clusters are the connected components of "differs in at most NEAR bits". A hash without exactly _SET_BITS set bits
    is near to no other, not even to an equal hash. A flat picture has such a hash, and 0 stands for no hash. Two
    pictures are joined only if one of them is `undecided` [N]; all pictures are, unless told otherwise.
    """
    unsigned = np.ascontiguousarray(hashes).view(np.uint64)
    telling = np.flatnonzero(np.bitwise_count(unsigned) == _SET_BITS)
    values, place = np.unique(unsigned[telling], return_inverse=True)
    joining = np.ones(len(values), dtype=np.bool_)
    if undecided is not None:
        joining[:] = np.bincount(place, weights=undecided[telling], minlength=len(values)) > 0
    search = _Search(values[:, None], np.arange(len(values)), len(values), joining)
    groups = search.run_all()
    # Equal hashes are one cluster, unless none of their pictures is undecided and no other picture joined them.
    together = (joining | (np.bincount(groups, minlength=len(values))[groups] > 1))[place]
    clusters = np.arange(len(hashes)) + len(values)
    clusters[telling[together]] = groups[place[together]]
    return clusters


def near_views(views: _Words, pictures: _Indices, *, count: int) -> _Indices:
    """Return a cluster number [count] for each picture; pictures with near views get the same number.

    `views` [V, words] are views as `model.images.sketch` makes them, and `pictures` [V] is the picture of each view, a
    number from 0. A picture without a view is near to no other. Two views are near if they differ in at most NEAR bits
    of the first word, and ALIKE bits in all. Clusters are the connected components of pictures with near views.

    Method: multi-index hashing (Norouzi, Punjani, Fleet, CVPR 2012). The keys are pairs of equal blocks (Manku, Jain,
    Das Sarma, WWW 2007). A crowded bucket is searched in the same way on the bits outside its key.
    """
    return _Search(views, pictures, count, np.ones(count, dtype=np.bool_)).run_all()


class _Search:
    """Views, and the disjoint sets of their pictures: `tree` holds the number of each picture's set.

    The joins that are not settled yet are missing in `tree`. Of two pictures that are joined, one is marked as
    `joining` [pictures].
    """

    def __init__(self, views: _Words, pictures: _Indices, count: int, joining: NDArray[np.bool_]) -> None:
        self._views, self._first, self._pictures = views, np.ascontiguousarray(views[:, 0]), pictures
        self._joining = joining
        self._tree: _Indices = np.arange(count)
        self._pending: list[tuple[_Indices, _Indices]] = []
        self._count = 0

    def run_all(self) -> _Indices:
        """Join the pictures of all views that are near; return the number of each picture's set."""
        if len(self._views):
            self.run(np.arange(len(self._views)), _ALL_BITS)
        return self.settle()

    def run(self, views: _Indices, bits: _Words) -> None:
        """Join the pictures of those `views` that are near; their first words are equal outside of `bits`."""
        values = self._first[views]
        for first, second in combinations([bits[start::_BLOCKS] for start in range(_BLOCKS)], 2):
            keyed = np.concatenate([first, second])
            keys = values & np.bitwise_or.reduce(np.uint64(1) << keyed)
            order = np.argsort(keys)
            starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
            sizes = np.diff(starts, append=len(keys))
            trees = self._tree[self._pictures[views[order]]]
            scattered = ~np.logical_and.reduceat(trees == np.repeat(trees[starts], sizes), starts)
            crowded = sizes > _CROWD
            for start, size in zip(starts[crowded & scattered], sizes[crowded & scattered], strict=True):
                self._run_crowd(views[order[start : start + size]], np.setdiff1d(bits, keyed))
            few = order[np.repeat(~crowded & scattered, sizes)]
            for one, other in _near_within(values[few], keys[few]):
                self._join(views[few[one]], views[few[other]])

    def settle(self) -> _Indices:
        """Carry out all joins and return the number of each picture's set."""
        if self._count:
            one, other = (self._tree[np.concatenate(ends)] for ends in zip(*self._pending, strict=True))
            shape = (len(self._tree), len(self._tree))
            edges = coo_array((np.ones(len(one), dtype=np.bool_), (one, other)), shape=shape)
            self._tree = connected_components(edges, directed=False)[1].astype(np.int64)[self._tree]
        self._pending, self._count = [], 0
        return self._tree

    def _run_crowd(self, views: _Indices, free: _Words) -> None:
        """Like `run`, for a crowded bucket.

        All views near to the most central view are joined first. A crowd is mostly one picture many times, so usually
        nothing is left to search.
        """
        values = self._first[views]
        votes = np.array([np.count_nonzero(values >> bit & np.uint64(1)) for bit in _ALL_BITS])
        middle = np.bitwise_or.reduce((2 * votes > len(values)).astype(np.uint64) << _ALL_BITS)
        pivot = int(np.argmin(np.bitwise_count(values ^ middle)))
        near = views[np.bitwise_count(values ^ values[pivot]) <= NEAR]
        self._join(np.full(len(near), views[pivot]), near)
        trees = self.settle()[self._pictures[views]]
        unlike = self._tree[self._pictures[near]] != self._tree[self._pictures[views[pivot]]]
        if len(free) < _FEWEST_BITS or 2 * np.count_nonzero(unlike) > len(views):  # the words separate no further
            for one, other in _near_within(values, np.zeros_like(values)):
                self._join(views[one], views[other])
        elif (trees != trees[0]).any():
            self.run(views, free)

    def _join(self, one: _Indices, other: _Indices) -> None:
        """Join the pictures of each view of `one` and the view of `other` at the same index, if the views are alike.

        A join may wait for `settle`.
        """
        ends = self._pictures[one], self._pictures[other]
        apart = (self._tree[ends[0]] != self._tree[ends[1]]) & (self._joining[ends[0]] | self._joining[ends[1]])
        differing = np.bitwise_count(self._views[one[apart]] ^ self._views[other[apart]])
        apart[apart] = differing.sum(axis=1) <= ALIKE
        self._pending.append((ends[0][apart], ends[1][apart]))
        self._count += int(apart.sum())
        if self._count > _PENDING:
            self.settle()


def _near_within(values: _Words, keys: _Words) -> Iterator[tuple[_Indices, _Indices]]:
    """Yield the pairs of indices of near values with equal keys; `keys` are sorted."""
    at = np.arange(len(keys))
    for step in range(1, len(keys)):
        at = at[: np.searchsorted(at, len(keys) - step)]
        at = at[keys[at] == keys[at + step]]
        if not len(at):
            return
        near = at[np.bitwise_count(values[at] ^ values[at + step]) <= NEAR]
        yield near, near + step
