import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from model.detectors.calibration import calibrate, choose_threshold, conformal_band, fit_temperature, operating_points
from model.detectors.decision import name_decision
from model.labels import AI, REAL
from model.metrics import Labels, Probabilities


def draw_scores(size: int, *, seed: int, distance: float = 2.0, lean: float = 0.0) -> tuple[Probabilities, Labels]:
    random = np.random.default_rng(seed)
    labels = np.arange(size) % 2
    return expit(random.normal(distance * (labels - 0.5) + lean, 1.0)), labels


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_spoiled_the_logits_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(3)
    honest = random.normal(0, 2, 20_000)
    labels = (random.uniform(size=honest.size) < expit(honest)).astype(int)
    assert fit_temperature(honest * true_temperature, labels) == pytest.approx(true_temperature, rel=0.05)


@pytest.mark.parametrize("each", [2, 30, 1_000])
def test_images_separated_perfectly_are_believed_as_far_as_their_number_allows(each: int) -> None:
    labels = np.repeat([REAL, AI], each)
    logits = np.where(labels == AI, 4.0, -4.0).astype(np.float32)
    assert expit(4.0 / fit_temperature(logits, labels)) == pytest.approx((each + 1) / (each + 2), abs=1e-4)


def test_logits_that_know_nothing_are_flattened() -> None:
    random = np.random.default_rng(4)
    assert fit_temperature(random.normal(0, 3, 5000), random.integers(0, 2, 5000)) > 10


def test_the_threshold_stays_at_one_half_when_nothing_speaks_against_it() -> None:
    assert choose_threshold(*draw_scores(400, seed=5)) == 0.5


def test_the_threshold_follows_a_network_that_leans_to_one_class() -> None:
    probabilities, labels = draw_scores(2000, seed=6, lean=2.0)
    threshold = choose_threshold(probabilities, labels)
    assert threshold > 0.7
    assert np.mean((probabilities >= threshold) == labels) > np.mean((probabilities >= 0.5) == labels) + 0.1


@given(st.integers(0, 1000), st.floats(-3, 3))
def test_no_threshold_is_better_than_the_chosen_one_by_more_than_a_standard_error(seed: int, lean: float) -> None:
    probabilities, labels = draw_scores(60, seed=seed, lean=lean)

    def score(cut: float) -> float:
        called = probabilities >= cut
        return float((np.mean(called[labels == AI]) + np.mean(~called[labels == REAL])) / 2)

    best = max(score(cut) for cut in [0.5, *probabilities])
    assert score(choose_threshold(probabilities, labels)) >= best - np.sqrt(0.25 / 30 * 2) / 2


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 1.0])
def test_an_operating_point_keeps_its_false_positive_rate_and_wastes_nothing(rate: float) -> None:
    probabilities, labels = draw_scores(1000, seed=7)
    real = probabilities[labels == REAL]
    threshold = operating_points(probabilities, labels, [rate])[rate]
    assert np.mean(real >= threshold) == pytest.approx(rate)


def test_equal_scores_do_not_break_the_promise_of_an_operating_point() -> None:
    probabilities = np.array([0.2, 0.9, 0.9, 0.9, 0.95])
    labels = np.array([REAL, REAL, REAL, REAL, AI])
    threshold = operating_points(probabilities, labels, [0.25])[0.25]
    assert np.mean(probabilities[labels == REAL] >= threshold) <= 0.25


@pytest.mark.parametrize("distance", [1.0, 3.3, 8.0])
@pytest.mark.parametrize("lean", [0.0, 2.0])
def test_the_promise_is_kept_for_both_classes(distance: float, lean: float) -> None:
    """Few decisions are wrong on average over splits, for overlapping and separate classes and for shifted scores."""
    alpha, wrong = 0.1, []
    for seed in range(200):
        limits = calibrate(*draw_scores(78, seed=seed, distance=distance, lean=lean), alpha=alpha)
        new, truth = draw_scores(2000, seed=10_000 + seed, distance=distance, lean=lean)
        low, high = limits.band
        assert low <= limits.threshold <= high
        called_ai, called_real = new > high, new < low
        wrong.append((np.mean(called_ai[truth == REAL]), np.mean(called_real[truth == AI])))
    assert np.mean(wrong, axis=0).max() <= alpha + 0.005


@pytest.mark.parametrize("few", [AI, REAL])
def test_few_images_of_a_class_promise_little_and_do_not_move_the_threshold(few: int) -> None:
    labels = np.where(np.arange(22) < 3, few, 1 - few)
    limits = calibrate(np.where(labels == AI, 0.999, 0.001), labels)
    assert (limits.threshold, limits.alpha) == (0.5, 0.25)
    assert [name_decision(p, limits.threshold, limits.band) for p in (0.0005, 0.9995)] == ["real", "ai"]


def test_a_detector_that_errs_less_than_promised_answers_always() -> None:
    probabilities, labels = draw_scores(2_000, seed=9, distance=6.0)
    limits = calibrate(probabilities, labels)
    assert limits.band == (limits.threshold, limits.threshold)


def test_the_better_a_detector_is_the_more_it_answers() -> None:
    bands = [calibrate(*draw_scores(2_000, seed=10, distance=distance)).band for distance in (1.0, 2.0, 3.0)]
    widths = [high - low for low, high in bands]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] > 0.1


def test_the_band_is_made_of_the_corrected_quantiles() -> None:
    real, ai = 0.7 + np.arange(1, 20) / 100, 0.3 - np.arange(1, 20) / 100
    probabilities = np.concatenate([real, ai])
    labels = np.repeat([REAL, AI], 19)
    assert conformal_band(probabilities, labels, 0.05, around=0.5) == pytest.approx((0.11, 0.89))
    assert conformal_band(probabilities, labels, 0.10, around=0.5) == pytest.approx((0.12, 0.88))
    assert conformal_band(1 - probabilities, labels, 0.05, around=0.5) == (0.5, 0.5)


def test_with_too_few_images_everything_is_unsure() -> None:
    probabilities, labels = draw_scores(36, seed=8)
    assert conformal_band(probabilities, labels, 0.05, around=0.5) == (0.0, 1.0)


def test_calibration_without_one_of_the_classes_is_refused() -> None:
    probabilities, labels = np.array([0.1, 0.2]), np.array([REAL, REAL])
    for step in (fit_temperature, choose_threshold, operating_points, calibrate):
        with pytest.raises(ValueError, match="2 real and 0 AI"):
            step(probabilities, labels)
