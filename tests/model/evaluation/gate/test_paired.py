from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.estimate import Estimate
from model.evaluation.gate.paired import Paired, difference
from model.metrics import proportion


@st.composite
def pairs(draw: st.DrawFn) -> Paired:
    images = draw(st.integers(1, 400))
    won = draw(st.integers(0, images))
    return Paired(images, won, draw(st.integers(0, images - won)))


def test_a_pair_counts_only_the_images_where_one_detector_was_right() -> None:
    ours = np.array([True, True, False, False, True])
    theirs = np.array([True, False, True, False, False])
    assert Paired.of(ours, theirs) == Paired(images=5, won=2, lost=1)


@pytest.mark.parametrize(("won", "lost"), [(1, 9), (9, 1), (0, 6), (30, 12)])
def test_the_chance_is_that_of_so_many_heads_or_tails_in_a_row_of_coins(won: int, lost: int) -> None:
    coins, fewer = won + lost, min(won, lost)
    expected = 2 * sum(comb(coins, heads) for heads in range(fewer + 1)) / 2**coins
    assert Paired(1_000, won, lost).chance == pytest.approx(expected)


def test_detectors_that_never_disagree_are_equal_by_any_chance() -> None:
    assert Paired(50, 0, 0).chance == 1.0


@pytest.mark.parametrize("pair", [Paired(100, 3, 7), Paired(100, 0, 0), Paired(20_000, 150, 110)])
def test_the_interval_is_the_one_that_drawing_resamples_comes_to(pair: Paired) -> None:
    drawn = pair.images + 2
    shares = [(pair.won + 1) / drawn, (pair.lost + 1) / drawn, 1 - (pair.won + pair.lost + 2) / drawn]
    resamples = np.random.default_rng(0).multinomial(pair.images, shares, size=200_000)
    expected = np.quantile((resamples[:, 0] - resamples[:, 1]) / pair.images, [0.025, 0.975])
    # Rounded to the grid of sums of whole images: at a step the drawn quantile may fall on either side.
    assert (pair.difference.low, pair.difference.high) == pytest.approx(tuple(expected), abs=1.01 / pair.images)
    assert pair.difference.value == pair.gain


@pytest.mark.parametrize(("images", "won", "lost"), [(60, 0.05, 0.05), (100, 0.01, 0.06), (20_000, 0.01, 0.02)])
def test_the_interval_misses_the_truth_on_either_side_no_more_often_than_it_may(
    images: int, won: float, lost: float
) -> None:
    counts = np.random.default_rng(1).multinomial(images, [won, lost, 1 - won - lost], size=300)
    found = [Paired(images, int(a), int(b)).difference for a, b, _ in counts]
    assert np.mean([each.low > won - lost for each in found]) <= 0.045  # 0.025, plus the random error of 300 tries
    assert np.mean([each.high < won - lost for each in found]) <= 0.045


def test_a_few_images_prove_nothing_even_when_the_detectors_never_disagree() -> None:
    assert Paired(10, 0, 0).difference.low <= -0.1
    assert Paired(100, 0, 0).difference.low < -0.02
    assert Paired(20_000, 0, 0).difference.low > -0.001


@given(pairs())
def test_exchanging_the_detectors_turns_the_comparison_around(pair: Paired) -> None:
    other = Paired(pair.images, pair.lost, pair.won)
    assert other.chance == pytest.approx(pair.chance)
    step = 1.01 / pair.images  # at the quantile itself, rounding may choose the neighbouring sum
    assert (-other.difference.high, -other.difference.low) == pytest.approx(
        (pair.difference.low, pair.difference.high), abs=step
    )


@given(pairs())
def test_one_more_image_won_or_fewer_lost_never_lowers_the_interval(pair: Paired) -> None:
    if pair.won + pair.lost < pair.images:
        assert Paired(pair.images, pair.won + 1, pair.lost).difference.low >= pair.difference.low
    if pair.lost:
        assert Paired(pair.images, pair.won, pair.lost - 1).difference.low >= pair.difference.low


def test_the_difference_of_two_proportions_is_newcombes_example() -> None:
    """56 of 70 against 48 of 80: method 10 of Newcombe, 1998, table II."""
    found = difference(proportion(56, 70), proportion(48, 80))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_difference_of_an_estimate_from_itself_is_nothing_give_or_take() -> None:
    found = difference(Estimate(0.9, 0.8, 0.95), Estimate(0.9, 0.8, 0.95))
    assert found.value == 0
    assert found.low == pytest.approx(-found.high)


def draw_clusters(random: np.random.Generator, clusters: int, size: int, *, won: float, lost: float) -> Paired:
    """Return a pair whose clusters each have one outcome, which a member copies in 8 of 10 cases."""
    shares = [won, lost, 1 - won - lost]
    common = random.choice([1, -1, 0], (clusters, 1), p=shares)
    own = random.choice([1, -1, 0], (clusters, size), p=shares)
    outcomes = np.where(random.random((clusters, size)) < 0.8, common, own).ravel()
    return Paired.of(outcomes == 1, outcomes == -1, np.repeat(np.arange(clusters), size))


def test_with_clusters_of_ten_the_interval_covers_and_equals_are_not_called_worse_more_often_than_they_may() -> None:
    random = np.random.default_rng(6)
    pairs = [draw_clusters(random, 200, 10, won=0.05, lost=0.05) for _ in range(300)]
    covered = np.mean([pair.difference.low <= 0 <= pair.difference.high for pair in pairs])
    worse = np.mean([pair.chance < 0.05 and pair.gain < 0 for pair in pairs])
    assert 0.92 <= covered <= 0.985  # 0.95, give or take the random error of 300 tries
    assert worse <= 0.05  # 0.025; image by image 0.22


def test_clusters_of_one_image_are_as_if_there_were_none() -> None:
    random = np.random.default_rng(7)
    ours, theirs = random.random(300) < 0.9, random.random(300) < 0.9
    alone, numbered = Paired.of(ours, theirs), Paired.of(ours, theirs, random.permutation(300))
    assert alone == numbered
    copied = Paired.of(np.repeat(ours, 2), np.repeat(theirs, 2), np.repeat(np.arange(300), 2))
    assert copied.chance == pytest.approx(alone.chance)
    assert copied.bound(0.01) == pytest.approx(alone.bound(0.01))


def test_one_cluster_proves_nothing() -> None:
    pair = Paired.of(np.ones(1_000, bool), np.zeros(1_000, bool), np.zeros(1_000, int))
    assert (pair.clusters, pair.bound(0.003), pair.chance) == (1, -1.0, 1.0)


def test_the_one_sided_chance_is_that_of_so_few_heads() -> None:
    expected = sum(comb(10, heads) for heads in range(2)) / 2**10
    assert Paired(1_000, 1, 9).chance_of_fall == pytest.approx(expected)
    assert Paired(1_000, 9, 1).chance_of_fall == pytest.approx(1 - comb(10, 10) / 2**10)


def test_the_odds_of_a_loss_are_the_resamples_beyond_the_margin() -> None:
    pair = Paired(500, 10, 14)
    drawn = np.random.default_rng(8).multinomial(500, [11 / 502, 15 / 502, 476 / 502], size=100_000)
    expected = np.mean((drawn[:, 0] - drawn[:, 1]) / 500 < -0.01 - 1e-12)
    assert pair.odds_of_loss(0.01) == pytest.approx(expected, abs=0.01)
