import numpy as np
import pytest
from numpy.typing import NDArray

from model.monitoring.mean_shift import measure_shift


def draw(rows: int, *, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(shift / np.sqrt(8), 1, (rows, 8))


def test_samples_of_one_distribution_are_no_farther_apart_than_chance_puts_them() -> None:
    shifts = [measure_shift(draw(100, seed=seed), draw(300, seed=seed + 1000), chance=0.01) for seed in range(200)]
    assert np.mean([shift.distance for shift in shifts]) == pytest.approx(0, abs=0.01)
    assert np.mean([shift.distance > shift.by_chance for shift in shifts]) < 0.03


def test_the_distance_is_the_square_of_the_shift_in_standard_deviations() -> None:
    shift = measure_shift(draw(2000, seed=0), draw(3000, seed=1, shift=1.5), chance=0.001)
    assert shift.distance == pytest.approx(1.5**2, rel=0.1)
    assert shift.distance > shift.by_chance


def test_the_rows_that_make_the_shift_lie_outward() -> None:
    now = np.concatenate([draw(200, seed=1), draw(50, seed=2, shift=5)])
    shift = measure_shift(draw(200, seed=0), now, chance=0.001)
    assert np.mean(shift.outward[200:] > shift.edge) > 0.9
    assert np.mean(shift.outward[:200] > shift.edge) < 0.15


def test_an_axis_on_which_nothing_varies_does_no_harm() -> None:
    before, now = draw(100, seed=0), draw(100, seed=1)
    before[:, 0] = now[:, 0] = 3.0
    assert abs(measure_shift(before, now, chance=0.001).distance) < 0.3
