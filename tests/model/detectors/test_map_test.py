"""Heat maps of detectors whose decisions are known, since each detector is one line."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.detectors.map_test import CONTROLS, ENOUGH, SHARE, Deletion, Score, measure_deletion

SIZE = 32
MAP_SIDES = (2, 4, 7)


@pytest.fixture
def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def look_for_detail(rows: slice, columns: slice) -> Score:
    """A detector that decides by the contrast in one part of the picture alone."""
    return lambda pixels: (pixels[:, rows, columns].std((1, 2, 3)) / 128).astype(np.float32)


def point_at(row: int, column: int, side: int) -> NDArray[np.float32]:
    """Return a map that is high in one corner; `row` and `column` are 0 or -1."""
    importance = np.zeros((side, side), np.float32)
    importance[row, column] = 1
    return importance


def look_at(spot: NDArray[np.float64], pixels: NDArray[np.uint8]) -> Score:
    """A detector that is the less certain the more of the `spot` [size, size] was painted over in `pixels`."""
    weights = spot / spot.sum()

    def score(versions: NDArray[np.uint8]) -> NDArray[np.float32]:
        changed = (versions != pixels).any(3)
        return (1 / (1 + np.exp(6 * (changed * weights).sum((1, 2)) - 3))).astype(np.float32)

    return score


TOP_LEFT = look_for_detail(slice(0, SIZE // 4), slice(0, SIZE // 4))


@pytest.mark.parametrize("side", MAP_SIDES)
def test_a_map_of_what_the_detector_goes_by_is_faithful(noise: NDArray[np.uint8], side: int) -> None:
    place = slice(0, SIZE // min(side, 4))  # of a place much smaller than a quarter, other quarters hold all, too
    deletion = measure_deletion(noise, point_at(0, 0, side), look_for_detail(place, place))
    assert deletion.faithful
    assert deletion.after < deletion.before


@pytest.mark.parametrize("side", MAP_SIDES)
def test_a_map_of_another_place_is_not(noise: NDArray[np.uint8], side: int) -> None:
    assert not measure_deletion(noise, point_at(-1, -1, side), TOP_LEFT).faithful


def test_no_map_explains_a_detector_that_looks_at_nothing(noise: NDArray[np.uint8]) -> None:
    blind = measure_deletion(noise, point_at(0, 0, 4), lambda pixels: np.full(len(pixels), 0.9, np.float32))
    assert (blind.before, blind.outdone, blind.faithful) == (pytest.approx(0.9), 0, False)


def test_a_map_of_places_that_speak_against_the_verdict_is_not_faithful(noise: NDArray[np.uint8]) -> None:
    against = measure_deletion(noise, point_at(0, 0, 4), lambda pixels: 1 - TOP_LEFT(pixels))
    assert against.after > against.before
    assert not against.faithful


def test_each_control_removes_as_much_as_the_map(noise: NDArray[np.uint8]) -> None:
    seen: list[NDArray[np.uint8]] = []

    def watch(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(pixels)
        return np.zeros(len(pixels), np.float32)

    deletion = measure_deletion(noise, point_at(1, 2, 4), watch)
    [batch] = seen
    assert batch.shape == (2 + CONTROLS, SIZE, SIZE, 3)
    np.testing.assert_array_equal(batch[0], noise)
    changed = (batch[1:] != noise).any(3).mean((1, 2))
    assert deletion.share == SHARE
    assert changed == pytest.approx(SHARE, abs=0.01)  # a pixel may have the mean colour already


def test_the_same_picture_is_measured_the_same_every_time(noise: NDArray[np.uint8]) -> None:
    first, second = (measure_deletion(noise, point_at(0, 0, 4), TOP_LEFT) for _ in range(2))
    assert first == second
    assert len(set(first.controls)) > 1


def test_a_map_that_never_saw_the_picture_passes_one_time_in_ten() -> None:
    """The detector looks at one spot, and the map names another; both are anywhere in the picture."""
    random, passed, repetitions = np.random.default_rng(5), 0, 400
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for _ in range(repetitions):
        spots = [np.exp(-((rows - SIZE / 2) ** 2 + (columns - SIZE / 2) ** 2) / 72.0) for _ in range(2)]
        spot, named = (np.roll(each, random.integers(0, SIZE, 2), (0, 1)) for each in spots)
        pixels = random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        deletion = measure_deletion(pixels, named.astype(np.float32), look_at(spot, pixels))
        passed += deletion.outdone >= ENOUGH
    assert passed / repetitions == pytest.approx(0.1, abs=0.04)


def test_a_drop_that_the_controls_share_is_not_enough() -> None:
    deletion = Deletion.of(share=0.25, before=0.9, after=0.5, controls=(0.4,) * 3 + (0.8,) * 16)
    assert deletion.outdone == pytest.approx(16 / 19)
    assert not deletion.faithful


def test_a_drop_that_means_nothing_is_not_enough() -> None:
    for before, after in ((0.98236, 0.98230), (1.0, 1 - 6e-8), (0.5, 0.49)):
        deletion = Deletion.of(share=0.25, before=before, after=after, controls=(1.0,) * 19)
        assert deletion.outdone == 1
        assert not deletion.faithful
    assert Deletion.of(share=0.25, before=0.9999, after=0.999, controls=(0.9999,) * 19).faithful
