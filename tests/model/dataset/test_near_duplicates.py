"""Clusters of perceptual hashes agree with a comparison of every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from model.dataset import near_duplicates
from model.dataset.near_duplicates import NEAR, near_clusters

PILE = 3_000


def balanced(rng: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """The bits of `count` random hashes, 32 of them set."""
    return rng.permuted(np.tile(np.arange(64) % 2 == 0, (count, 1)), axis=1)


def swapped(rng: np.random.Generator, bits: NDArray[np.bool_], swaps: int) -> NDArray[np.bool_]:
    """Swap so many set bits of each hash with unset bits, which changes twice as many bits."""
    chance = rng.random(bits.shape)
    on, off = (np.where(side, chance, 2).argsort(axis=1)[:, :swaps] for side in (bits, ~bits))
    moved = bits.copy()
    np.put_along_axis(moved, on, values=False, axis=1)
    np.put_along_axis(moved, off, values=True, axis=1)
    return moved


def packed(bits: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.packbits(bits, axis=1).view(">i8").ravel().astype(np.int64)


def by_comparing_every_pair(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    unsigned = hashes.view(np.uint64)
    near = np.bitwise_count(unsigned[:, None] ^ unsigned) <= NEAR
    telling = np.bitwise_count(unsigned) == 32
    return connected_components(near & telling & telling[:, None], directed=False)[1]


def same_partition(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    return bool(((one[:, None] == one) == (other[:, None] == other)).all())


@given(
    seed=st.integers(0, 2**32),
    centres=st.integers(1, 5),
    swaps=st.lists(st.integers(0, 5), max_size=80),
    crowd=st.sampled_from([2, 5, 1000]),
    pending=st.sampled_from([0, 500_000]),
)
def test_clusters_are_those_found_by_comparing_every_pair(
    seed: int, centres: int, swaps: list[int], crowd: int, pending: int
) -> None:
    rng = np.random.default_rng(seed)
    pool = balanced(rng, centres)
    bits = [swapped(rng, pool[rng.integers(centres), None], count) for count in swaps]
    hashes = packed(np.concatenate([pool, *bits]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_CROWD", crowd)
        patch.setattr(near_duplicates, "_PENDING", pending)
        assert same_partition(near_clusters(hashes), by_comparing_every_pair(hashes))


@pytest.mark.parametrize("swaps", [1, 2, 3])
def test_a_pile_of_versions_of_one_picture_is_searched_exactly(swaps: int) -> None:
    rng = np.random.default_rng(swaps)
    one = np.repeat(balanced(rng, 1), PILE, axis=0)
    hashes = packed(np.concatenate([swapped(rng, one, swaps), balanced(rng, PILE)]))
    assert same_partition(near_clusters(hashes), by_comparing_every_pair(hashes))


def test_equal_hashes_are_one_cluster() -> None:
    hashes = np.repeat(packed(balanced(np.random.default_rng(0), 1)), PILE)
    assert len(set(near_clusters(hashes).tolist())) == 1


def test_hashes_that_say_nothing_are_near_to_none_not_even_to_their_equal() -> None:
    flat = np.array([0, 0, 1, 1, -1], dtype=np.int64)
    assert len(set(near_clusters(flat).tolist())) == len(flat)


def test_no_hashes_have_no_clusters() -> None:
    assert len(near_clusters(np.array([], dtype=np.int64))) == 0
