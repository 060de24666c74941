"""Which images an epoch shows."""

import time

import numpy as np
import pytest

from model.training.data.sampling import MOST_DRAWS, draw_order


def count(groups: list[int], order: np.ndarray) -> list[int]:
    return np.bincount(np.array(groups)[order], minlength=max(groups) + 1).tolist()


def order(groups: list[int], *, balanced: bool = True, seed: int = 0) -> np.ndarray:
    return draw_order(np.array(groups), balanced=balanced, random=np.random.default_rng(seed))


def test_unbalanced_each_image_is_shown_once() -> None:
    assert sorted(order([0, 1, 1, 2], balanced=False)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("sizes", "drawn"),
    [
        ([100, 100], [100, 100]),
        ([100, 50, 50], [100, 50, 50]),
        ([100, 80, 20], [100, 50, 50]),
        ([60, 120, 20], [100, 50, 50]),
        ([100, 98, 2], [100, 90, 2 * MOST_DRAWS]),
        ([198, 2], [100, 2 * MOST_DRAWS]),
    ],
)
def test_half_is_real_and_the_rest_shared_out_among_the_generators(sizes: list[int], drawn: list[int]) -> None:
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    assert count(groups, order(groups)) == drawn


def test_within_a_group_no_image_is_shown_twice_before_all_were_shown_once() -> None:
    groups = [0] * 60 + [1] * 120 + [2] * 20
    times = np.bincount(order(groups), minlength=len(groups))
    for start, end, rounds in ((0, 60, {1, 2}), (60, 180, {0, 1}), (180, 200, {2, 3})):
        assert set(times[start:end]) == rounds


def test_each_epoch_shows_other_images_of_a_large_group_but_as_many() -> None:
    groups = [0] * 50 + [1] * 150 + [2] * 50
    first, second = order(groups), order(groups, seed=1)
    assert len(first) == len(second)
    assert set(first) != set(second)


def test_one_class_alone_can_be_drawn() -> None:
    assert sorted(order([1, 1, 1])) == [0, 1, 2]


def test_an_epoch_is_drawn_as_fast_where_each_image_has_a_generator_of_its_own() -> None:
    began = time.process_time()
    assert len(order([0] * 200_000 + list(range(1, 200_001)))) == 400_000
    assert time.process_time() - began < 8
