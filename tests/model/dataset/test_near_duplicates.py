"""Clusters of perceptual hashes and of views agree with a comparison of every pair."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from model.dataset import near_duplicates
from model.dataset.near_duplicates import ALIKE, NEAR, near_hashes, near_views

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


def by_comparing_every_pair(hashes: NDArray[np.int64], undecided: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    unsigned = hashes.view(np.uint64)
    near = np.bitwise_count(unsigned[:, None] ^ unsigned) <= NEAR
    telling = np.bitwise_count(unsigned) == 32
    asked = True if undecided is None else undecided | undecided[:, None]
    return connected_components(near & telling & telling[:, None] & asked, directed=False)[1]


def same_partition(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    return bool(((one[:, None] == one) == (other[:, None] == other)).all())


@settings(deadline=None)
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
        assert same_partition(near_hashes(hashes), by_comparing_every_pair(hashes))


@pytest.mark.parametrize("swaps", [1, 2, 3])
def test_a_pile_of_versions_of_one_picture_is_searched_exactly(swaps: int) -> None:
    rng = np.random.default_rng(swaps)
    one = np.repeat(balanced(rng, 1), PILE, axis=0)
    hashes = packed(np.concatenate([swapped(rng, one, swaps), balanced(rng, PILE)]))
    assert same_partition(near_hashes(hashes), by_comparing_every_pair(hashes))


def test_equal_hashes_are_one_cluster() -> None:
    hashes = np.repeat(packed(balanced(np.random.default_rng(0), 1)), PILE)
    assert len(set(near_hashes(hashes).tolist())) == 1


def test_hashes_that_say_nothing_are_near_to_none_not_even_to_their_equal() -> None:
    flat = np.array([0, 0, 1, 1, -1], dtype=np.int64)
    assert len(set(near_hashes(flat).tolist())) == len(flat)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), swaps=st.lists(st.integers(0, 3), max_size=60), share=st.floats(0, 1))
def test_only_pairs_with_an_undecided_picture_are_joined(seed: int, swaps: list[int], share: float) -> None:
    rng = np.random.default_rng(seed)
    pool = balanced(rng, 4)
    bits = [swapped(rng, pool[rng.integers(4), None], count) for count in swaps]
    hashes = packed(np.concatenate([pool, *bits]))
    undecided = rng.random(len(hashes)) < share
    assert same_partition(near_hashes(hashes, undecided), by_comparing_every_pair(hashes, undecided))


def flipped(rng: np.random.Generator, views: NDArray[np.uint64], most: int) -> NDArray[np.uint64]:
    """Flip up to so many bits of each view."""
    bits = np.unpackbits(views.astype(">u8").view(np.uint8), axis=1)
    places = rng.random(bits.shape).argsort(axis=1)
    bits ^= places < rng.integers(0, most + 1, (len(bits), 1))
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64)


def alike(views: NDArray[np.uint64], pictures: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    apart = np.bitwise_count(views[:, None] ^ views)
    near = (apart[:, :, 0] <= NEAR) & (apart.sum(axis=2) <= ALIKE)
    joined = np.zeros((count, count), dtype=bool)
    np.logical_or.at(joined, (pictures[:, None], pictures[None]), near)
    return connected_components(joined, directed=False)[1]


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 40), most=st.sampled_from([10, 40, 70]))
@pytest.mark.parametrize("crowd", [2, 1000])
def test_views_are_near_if_their_first_words_and_all_their_bits_are(
    crowd: int, seed: int, count: int, most: int
) -> None:
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 2**64, (3, 4), dtype=np.uint64)
    pool[1, 0] = pool[0, 0]  # first words that are equal say nothing of the others
    pictures = rng.integers(0, 12, count)
    views = flipped(rng, pool[rng.integers(0, 3, count)], most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_CROWD", crowd)
        found = near_views(views, pictures, count=12)
    assert same_partition(found, alike(views, pictures, 12))


@pytest.mark.parametrize(("first", "others", "together"), [(4, 27, True), (4, 28, False), (5, 0, False), (0, 31, True)])
def test_the_limits_of_the_first_word_and_of_all_words_are_the_last_that_count(
    first: int, others: int, together: bool
) -> None:
    one, other = np.zeros((2, 1, 4), dtype=np.uint64)
    other[0, 0] = 2**first - 1
    other[0, 1] = 2**others - 1
    found = near_views(np.concatenate([one, other]), np.array([0, 1]), count=2)
    assert (found[0] == found[1]) is np.bool_(together)


@pytest.mark.parametrize("seed", range(8))
def test_a_crowd_in_which_one_picture_prevails_is_searched_exactly(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_CROWD", 5)
    rng = np.random.default_rng(seed)
    one, other = balanced(rng, 2)
    halves = np.concatenate([np.tile(one, (40, 1)), np.tile(other, (seed * 6, 1))])
    hashes = packed(np.concatenate([swapped(rng, halves, swaps) for swaps in (1, 2, 3)]))
    assert same_partition(near_hashes(hashes), by_comparing_every_pair(hashes))
    pool = rng.integers(0, 2**64, (3, 4), dtype=np.uint64)
    pool[1, 0] = pool[0, 0]
    pictures = rng.integers(0, 60, 120)
    views = flipped(rng, pool[rng.integers(0, 3, 120)], 40)
    assert same_partition(near_views(views, pictures, count=60), alike(views, pictures, 60))


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_around_one_picture_is_joined_with_its_middle_and_not_pair_by_pair(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "_CROWD", 50)
    near_within, pairs = near_duplicates._near_within, []

    def count(*given: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        for one, other in near_within(*given):
            pairs.append(len(one))
            yield one, other

    monkeypatch.setattr(near_duplicates, "_near_within", count)
    rng = np.random.default_rng(seed)
    middle = balanced(rng, 1)
    hashes = packed(np.concatenate([middle, swapped(rng, np.repeat(middle, 1_000, axis=0), 2)]))
    assert len(set(near_hashes(hashes).tolist())) == 1
    assert sum(pairs) < 8 * len(hashes)  # about 12 for each hash if any other of them is taken for the middle


def test_no_hashes_have_no_clusters() -> None:
    assert len(near_hashes(np.array([], dtype=np.int64))) == 0
    assert len(set(near_views(np.empty((0, 4), dtype=np.uint64), np.empty(0, dtype=np.int64), count=3).tolist())) == 3
