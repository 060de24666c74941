import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import f

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


def test_samples_of_equal_size_and_spread_have_the_limit_of_hotellings_test() -> None:
    """T squared is d nu / (nu - d + 1) times F of d and nu - d + 1. Here nu is 2 (n - 1).

    Source: Anderson, 2003, "An Introduction to Multivariate Statistical Analysis", section 5.3.
    """
    rows, axes, chance = 20, 4, 0.01
    before = draw(rows, seed=0)[:, :axes]
    moved = np.array([0.5, 0.0, -0.3, 0.2])
    shift = measure_shift(before, before + moved, chance=chance)
    nu = 2 * (rows - 1)
    expected = axes * nu / (nu - axes - 1)
    largest = axes * nu / (nu - axes + 1) * f.isf(chance, axes, nu - axes + 1)
    squared = rows / 2 * moved @ np.linalg.inv(np.cov(before, rowvar=False)) @ moved
    assert shift.by_chance == pytest.approx((largest - expected) * 2 / rows, rel=2e-3)
    assert shift.distance == pytest.approx((squared - expected) * 2 / rows, rel=2e-3)
    inward = before @ np.linalg.inv(np.cov(before, rowvar=False)) @ moved
    assert np.corrcoef(shift.outward, inward)[0, 1] == pytest.approx(1)


def test_a_sample_without_spread_adds_no_certainty() -> None:
    """All the error is that of the first sample, so the degrees of freedom are those of the first sample."""
    rows, axes, chance = 20, 4, 0.01
    before = draw(rows, seed=0)[:, :axes]
    shift = measure_shift(before, np.zeros((5_000, axes)), chance=chance)
    nu, scale = rows - 1, 1 / rows + 1 / 5_000
    expected = axes * nu / (nu - axes - 1)
    largest = axes * nu / (nu - axes + 1) * f.isf(chance, axes, nu - axes + 1)
    assert shift.by_chance == pytest.approx((largest - expected) * scale, rel=5e-3)


def test_the_edge_leaves_a_twentieth_of_the_first_sample_outside() -> None:
    before = draw(200, seed=0)
    shift = measure_shift(before, before, chance=0.001)  # nothing has moved, so no row lies in any direction
    assert shift.edge == pytest.approx(0, abs=1e-9)
    same = measure_shift(before, np.concatenate([before, before + 0.1]), chance=0.001)
    assert np.sum(same.outward[:200] > same.edge) == 10
