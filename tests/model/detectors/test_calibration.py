from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm

from model.detectors.calibration import (
    DOUBT,
    Scaling,
    calibrate,
    choose_threshold,
    conformal_band,
    fit_scaling,
    operating_points,
)
from model.detectors.decision import images_needed, name_decision
from model.labels import AI, REAL
from model.metrics import Labels, Probabilities, estimate_calibration_error


def draw_scores(size: int, *, seed: int, distance: float = 2.0, lean: float = 0.0) -> tuple[Probabilities, Labels]:
    random = np.random.default_rng(seed)
    labels = np.arange(size) % 2
    return expit(random.normal(distance * (labels - 0.5) + lean, 1.0)), labels


@pytest.mark.parametrize("intercept", [-1.0, 0.0, 0.6])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_and_the_shift_that_spoiled_the_logits_are_found(temperature: float, intercept: float) -> None:
    random = np.random.default_rng(3)
    honest = random.normal(0, 2, 20_000)
    labels = (random.uniform(size=honest.size) < expit(honest)).astype(int)
    scaling = fit_scaling((honest - intercept) * temperature, labels)
    assert scaling.slope == pytest.approx(1 / temperature, rel=0.05)
    assert scaling.intercept == pytest.approx(intercept, abs=0.05)
    assert scaling((honest - intercept) * temperature) == pytest.approx(expit(honest), abs=0.02)


def test_balanced_sampling_is_undone_where_ai_images_are_few() -> None:
    """The perfect network for equally many real and AI images, calibrated where 35 % are AI."""
    random = np.random.default_rng(6)

    def draw(size: int) -> tuple[Probabilities, Labels]:
        labels = (random.random(size) < 0.35).astype(int)
        return 2 * random.normal(2.0 * labels, 1.0) - 2, labels

    logits, labels = draw(2_000)
    found, tested = fit_scaling(logits, labels), draw(20_000)
    assert estimate_calibration_error(tested[1], found(tested[0])).value < 0.015
    assert estimate_calibration_error(tested[1], Scaling(found.slope, 0.0)(tested[0])).value > 0.05


@pytest.mark.parametrize("each", [30, 150])
def test_two_parameters_do_not_overfit_few_images(each: int) -> None:
    random, lost = np.random.default_rng(7), []

    def measure(scaled: Probabilities, labels: Labels) -> float:
        return float(-np.log(np.clip(np.where(labels == AI, scaled, 1 - scaled), 1e-12, 1)).mean())

    for _ in range(60):
        labels, new = np.repeat([REAL, AI], each), np.repeat([REAL, AI], 2_000)
        logits, tested = (3 * random.normal(3.0 * truth, 1.0) - 4.5 for truth in (labels, new))
        lost.append(measure(fit_scaling(logits, labels)(tested), new) - measure(expit(tested), new))
    assert np.mean(lost) < 1.5 / each, "each parameter costs about half an image's worth"


@pytest.mark.parametrize("each", [2, 30, 1_000])
def test_images_separated_perfectly_are_believed_as_far_as_their_number_allows(each: int) -> None:
    labels = np.repeat([REAL, AI], each)
    logits = np.where(labels == AI, 4.0, -4.0).astype(np.float32)
    assert fit_scaling(logits, labels)(np.array([4.0])) == pytest.approx((each + 1) / (each + 2), abs=1e-4)


def test_logits_that_know_nothing_are_flattened_to_the_share_of_ai() -> None:
    random = np.random.default_rng(4)
    scaling = fit_scaling(random.normal(0, 3, 5000), (random.random(5000) < 0.3).astype(int))
    assert scaling.slope < 0.1
    assert scaling(np.array([0.0])) == pytest.approx(0.3, abs=0.03)


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


def choose_slowly(probabilities: Probabilities, labels: Labels) -> float:
    """Return the threshold that the rule of `choose_threshold` gives, one cut after the other."""
    cuts = [0.5, *((low + high) / 2 for low, high in pairwise(np.unique(probabilities)))]

    def judge(cut: float) -> tuple[float, float]:
        called = probabilities >= cut
        rights = called[labels == AI], ~called[labels == REAL]
        return sum(map(np.mean, rights)) / 2, np.sqrt(sum(np.var(each) / len(each) for each in rights)) / 2

    best, error = max(map(judge, cuts), key=lambda judged: judged[0])
    return min((cut for cut in cuts if judge(cut)[0] >= best - error), key=lambda cut: abs(cut - 0.5))


@pytest.mark.parametrize("lean", [-1.0, 0.7, 1.5])
def test_the_threshold_is_the_one_nearest_to_one_half_within_one_standard_error(lean: float) -> None:
    for seed in range(20):
        probabilities, _ = draw_scores(90, seed=seed, lean=lean)
        labels = (probabilities + np.random.default_rng(seed).normal(0, 0.2, 90) > 0.7).astype(int)
        assert choose_threshold(probabilities, labels) == pytest.approx(choose_slowly(probabilities, labels))


@pytest.mark.parametrize(("rate", "size", "called"), [(0.01, 1_998, 18), (0.1, 19, 1), (0.1, 9, 0), (1.0, 9, 9)])
def test_an_operating_point_calls_so_many_real_images_ai_that_a_new_one_keeps_the_rate(
    rate: float, size: int, called: int
) -> None:
    real = np.arange(size) / size
    point = operating_points(np.append(real, 1.0), np.append(np.full(size, REAL), AI), [rate])[rate]
    assert np.sum(real >= point.threshold) == called
    assert (called + 1) / (size + 1) <= rate or rate == 1


@pytest.mark.parametrize(("rate", "needed"), [(0.001, 999), (0.01, 99), (0.05, 19), (0.5, 1)])
def test_a_rate_for_which_there_are_too_few_real_images_has_no_operating_point(rate: float, needed: int) -> None:
    def find(size: int) -> object:
        return operating_points(np.linspace(0, 1, size + 1), np.append(np.full(size, REAL), AI), [rate]).get(rate)

    assert images_needed(rate) == needed
    assert find(needed) is not None
    assert needed == 1 or find(needed - 1) is None


def test_no_operating_point_promises_that_no_real_image_is_called_ai() -> None:
    assert operating_points(*draw_scores(2_000, seed=7), [0.0]) == {}


@pytest.mark.parametrize("size", [150, 300])
def test_the_rate_holds_on_average_and_its_bound_in_95_percent_of_calibrations(size: int) -> None:
    """Uniform probabilities, so that the true rate of a threshold is what lies above the threshold."""
    random, rates, kept = np.random.default_rng(2), [], []
    labels = np.append(np.full(size, REAL), AI)
    for _ in range(1_000):
        points = operating_points(np.append(random.random(size), 0.5), labels)
        assert points.keys() == {0.01, 0.05}
        rates.append([1 - point.threshold for point in points.values()])
        kept.append([1 - point.threshold <= point.bound for point in points.values()])
    assert (np.mean(rates, axis=0) <= [0.0102, 0.0505]).all()
    assert np.mean(kept, axis=0) == pytest.approx([0.95, 0.95], abs=0.02)


def test_equal_scores_do_not_break_the_promise_of_an_operating_point() -> None:
    probabilities = np.array([0.2, 0.9, 0.9, 0.9, 0.95])
    labels = np.array([REAL, REAL, REAL, REAL, AI])
    threshold = operating_points(probabilities, labels, [0.4])[0.4].threshold
    assert np.mean(probabilities[labels == REAL] >= threshold) <= 0.25


@pytest.mark.parametrize("distance", [1.0, 3.3, 8.0])
@pytest.mark.parametrize("lean", [0.0, 2.0])
def test_both_classes_keep_the_promise_in_95_of_100_calibrations(distance: float, lean: float) -> None:
    """For overlapping and separate classes and for shifted scores; the true errors are known."""
    alpha, kept = 0.1, []
    for seed in range(300):
        limits = calibrate(*draw_scores(120, seed=seed, distance=distance, lean=lean), alpha=alpha)
        low, high = (float(logit(end)) - lean for end in limits.band)
        assert limits.band[0] <= limits.threshold <= limits.band[1]
        kept.append(norm.sf(high + distance / 2) <= limits.alpha and norm.cdf(low - distance / 2) <= limits.alpha)
    assert limits.alpha == alpha
    assert np.mean(kept) >= 0.92


def test_every_generator_with_enough_images_keeps_the_promise() -> None:
    """A fifth of the AI images is by a generator that is hard to find."""
    random, alpha, kept, without = np.random.default_rng(16), 0.1, [], []
    labels, groups = np.repeat([REAL, AI, AI], [200, 160, 40]), np.repeat([0, 1, 2], [200, 160, 40])
    for _ in range(200):
        probabilities = expit(random.normal(np.array([-4.0, 4.0, 0.5])[groups], 1.2))
        for held, known in ((kept, groups), (without, None)):
            low, _ = calibrate(probabilities, labels, alpha=alpha, groups=known).band
            held.append(norm.cdf((logit(low) - 0.5) / 1.2) <= alpha)
    assert np.mean(kept) >= 0.94
    assert np.mean(without) < 0.5


@pytest.mark.parametrize("few", [AI, REAL])
def test_few_images_of_a_class_promise_little_and_do_not_move_the_threshold(few: int) -> None:
    labels = np.where(np.arange(22) < 3, few, 1 - few)
    limits = calibrate(np.where(labels == AI, 0.999, 0.001), labels)
    assert (limits.threshold, limits.alpha) == (0.5, 1 - DOUBT ** (1 / 3))
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


def test_the_band_ends_where_so_few_images_are_wrong_that_the_promise_is_safe() -> None:
    real, ai = 0.5 + np.arange(1, 101) / 1_000, 0.5 - np.arange(1, 101) / 1_000
    probabilities, labels = np.concatenate([real, ai]), np.repeat([REAL, AI], 100)
    errors = {0.036: -1, 0.037: 0, 0.0545: 1, 0.1: 4}  # chance of so few of 100 images at the share: at most 2.5 %
    for alpha, allowed in errors.items():
        low, high = conformal_band(probabilities, labels, alpha, around=0.5)
        expected = (0.0, 1.0) if allowed < 0 else (0.4 + allowed / 1_000, 0.6 - allowed / 1_000)
        assert (low, high) == pytest.approx(expected)
    assert conformal_band(1 - probabilities, labels, 0.1, around=0.5) == (0.5, 0.5)


@pytest.mark.parametrize(("each", "promise"), [(183, 0.02), (182, 1 - 0.025 ** (1 / 182))])
def test_two_percent_take_183_images_of_each_class(each: int, promise: float) -> None:
    labels = np.repeat([REAL, AI], each)
    limits = calibrate(np.where(labels == AI, 0.3, 0.7), labels)
    assert limits.alpha == pytest.approx(promise)
    assert limits.band == pytest.approx((0.3, 0.7))


def test_with_too_few_images_everything_is_unsure() -> None:
    probabilities, labels = draw_scores(36, seed=8)
    assert conformal_band(probabilities, labels, 0.05, around=0.5) == (0.0, 1.0)


def test_calibration_without_one_of_the_classes_is_refused() -> None:
    probabilities, labels = np.array([0.1, 0.2]), np.array([REAL, REAL])
    for step in (fit_scaling, choose_threshold, operating_points, calibrate):
        with pytest.raises(ValueError, match="2 real and 0 AI"):
            step(probabilities, labels)
