"""Sketches decide which pictures are one cluster; for pictures of earlier releases the perceptual hash does."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from model.dataset.clusters import joined, near_clusters
from model.images.sketch import mirrored, unpack

HASHES = np.array([2**32 - 1, (2**32 - 1) ^ 0b11 ^ 2**40 ^ 2**41, 0xFFFF0000FFFF], dtype=np.int64)
"""Two near perceptual hashes and one that is far from both."""


def drawn(seed: int, views: int = 3) -> bytes:
    return np.random.default_rng(seed).bytes(32 * views)


def changed(view: bytes, bits: int, *, after: int = 64) -> bytes:
    """Flip so many bits behind the first `after` bits."""
    every = np.unpackbits(np.frombuffer(view, np.uint8))
    every[after : after + bits] ^= 1
    return np.packbits(every).tobytes()


def clusters(sketches: list[bytes | None], hashes: NDArray[np.int64] | None = None) -> list[int]:
    held = pd.Series([sketch if sketch is None else sketch.hex() for sketch in sketches], dtype="str")
    found = near_clusters(np.zeros(len(held), dtype=np.int64) if hashes is None else hashes, held)
    return pd.factorize(found)[0].tolist()


def test_a_crop_a_frame_and_a_mirrored_copy_are_found_by_the_view_that_shows_the_same() -> None:
    whole, other = drawn(1), drawn(2)
    crop = whole[64:96] + drawn(3, views=2)
    framed = drawn(4, views=3) + whole[:32]
    mirror = mirrored(unpack(whole[:32])).astype(">u8").tobytes() + drawn(5, views=2)
    mirrored_crop = mirrored(unpack(whole[32:64])).astype(">u8").tobytes() + drawn(6, views=2)
    assert clusters([whole, other, crop, framed, mirror, mirrored_crop]) == [0, 1, 0, 0, 0, 0]


def test_pictures_that_only_look_alike_coarsely_stay_apart_and_so_do_flat_ones() -> None:
    view = drawn(1, views=1)
    assert clusters([view, changed(view, 31)]) == [0, 0]
    assert clusters([view, changed(view, 32)]) == [0, 1]
    assert clusters([b"", b"", view, view]) == [0, 1, 2, 2]


def test_a_chain_is_cut_where_its_ends_no_longer_resemble_its_centre() -> None:
    start = drawn(1, views=1)
    chain = [changed(start, 30 * step) for step in range(6)]
    assert clusters(chain[:3]) == [0, 0, 0]
    found = clusters(chain)
    assert len(set(found)) == 2
    assert max(np.bincount(found)) == 5
    copies = [changed(start, 15, after=64 + 15 * step) for step in range(12)]  # of one picture: 30 bits apart
    assert set(clusters([start, *copies])) == {0}


def test_the_perceptual_hash_decides_only_where_a_sketch_is_missing() -> None:
    one, other = drawn(1), drawn(2)
    assert clusters([one, other, None], HASHES) == [0, 1, 2]
    assert clusters([one, None, other], HASHES) == [0, 0, 1]
    assert clusters([None, None, None], HASHES) == [0, 0, 1]
    assert clusters([one, None, one], HASHES) == [0, 0, 0]
    assert clusters([b"", None, other], HASHES) == [0, 0, 1]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [([0, 1, 2], [0, 1, 2], [0, 1, 2]), ([0, 0, 1, 2], [5, 6, 6, 7], [0, 0, 0, 1]), ([], [], [])],
)
def test_partitions_are_joined(one: list[int], other: list[int], together: list[int]) -> None:
    found = joined(np.array(one, dtype=np.int64), np.array(other, dtype=np.int64))
    assert pd.factorize(found)[0].tolist() == together
