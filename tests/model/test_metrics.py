import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model import metrics
from model.labels import AI, REAL

labels_of_both_classes = st.lists(st.sampled_from([REAL, AI]), max_size=60).map(
    lambda some: np.array([REAL, AI, *some])
)
# Rounded, so that there are ties.
scored = labels_of_both_classes.flatmap(
    lambda labels: st.tuples(
        st.just(labels), arrays(float, len(labels), elements=st.floats(0, 1).map(lambda p: round(p, 1)))
    )
)


@given(trials=st.integers(1, 500), data=st.data())
def test_the_ends_of_wilsons_interval_are_where_the_score_test_turns(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    found = metrics.proportion(successes, trials)
    assert 0 <= found.low <= found.value <= found.high <= 1
    for end in {found.low, found.high} - {0.0, 1.0}:
        deviation = (found.value - end) / np.sqrt(end * (1 - end) / trials)
        assert abs(deviation) == pytest.approx(1.959964, rel=1e-5)


def test_a_proportion_of_no_trials_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        metrics.proportion(0, 0)


@given(scored)
def test_auroc_is_the_share_of_pairs_in_the_right_order(case: tuple[metrics.Labels, metrics.Probabilities]) -> None:
    labels, probabilities = case
    ai, real = probabilities[labels == AI], probabilities[labels == REAL]
    pairs = [(a > r) + 0.5 * (a == r) for a in ai for r in real]
    assert metrics.area_under_roc(labels, probabilities) == pytest.approx(np.mean(pairs))


def test_delongs_interval_is_that_of_a_bootstrap() -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 400)
    probabilities = 1 / (1 + np.exp(-random.normal(2.0 * labels - 1, 1.5)))
    found, expected = (
        metrics.auroc(labels, probabilities),
        metrics.bootstrapped(metrics.area_under_roc, labels, probabilities),
    )
    assert found.value == expected.value
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.006)


@given(scored)
def test_delongs_interval_holds_its_value_and_stays_among_the_possible(
    case: tuple[metrics.Labels, metrics.Probabilities],
) -> None:
    found = metrics.auroc(*case)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_of_a_single_image_of_a_class_no_auroc_is_known() -> None:
    assert metrics.auroc(np.array([REAL, REAL, AI]), np.array([0.1, 0.2, 0.3])) == metrics.Estimate(1.0, 0.0, 1.0)


def test_auroc_of_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="2 real and 0 AI"):
        metrics.area_under_roc(np.array([REAL, REAL]), np.array([0.1, 0.2]))


@given(scored, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_threshold_metrics_count_as_a_person_would(
    case: tuple[metrics.Labels, metrics.Probabilities], threshold: float
) -> None:
    labels, probabilities = case
    called = [AI if p >= threshold else REAL for p in probabilities]
    pairs = list(zip(labels, called, strict=True))
    assert metrics.accuracy(labels, probabilities, threshold).value == np.mean([a == b for a, b in pairs])
    false_alarms = pairs.count((REAL, AI)) / sum(labels == REAL)
    assert metrics.false_positive_rate(labels, probabilities, threshold).value == false_alarms
    assert metrics.true_positive_rate(labels, probabilities, threshold).value == pairs.count((AI, AI)) / sum(
        labels == AI
    )
    hits, misses = pairs.count((AI, AI)), pairs.count((AI, REAL))
    expected = 2 * hits / (2 * hits + misses + pairs.count((REAL, AI)))
    assert metrics.f1_score(labels, probabilities, threshold) == pytest.approx(expected)


@given(scored)
def test_calibration_error_is_the_weighted_gap_of_each_bin(
    case: tuple[metrics.Labels, metrics.Probabilities],
) -> None:
    labels, probabilities = case
    bins = np.minimum((probabilities * 15).astype(int), 14)
    gaps = [
        np.mean(bins == b) * abs(probabilities[bins == b].mean() - labels[bins == b].mean()) for b in np.unique(bins)
    ]
    assert metrics.calibration_error(labels, probabilities) == pytest.approx(sum(gaps))


def test_calibration_error_of_honest_probabilities_is_near_zero_and_of_boasting_ones_is_not() -> None:
    random = np.random.default_rng(1)
    probabilities = random.uniform(size=20_000)
    labels = (random.uniform(size=20_000) < probabilities).astype(int)
    assert metrics.calibration_error(labels, probabilities) < 0.02
    assert metrics.calibration_error(labels, (probabilities > 0.5).astype(float)) > 0.2


def test_a_bootstrapped_interval_holds_the_value_is_narrower_for_more_images_and_repeats_itself() -> None:
    random = np.random.default_rng(2)

    def estimate(size: int) -> metrics.Estimate:
        labels = np.arange(size) % 2
        probabilities = np.clip(random.normal(0.35 + 0.3 * labels, 0.25), 0, 1)
        first, second = (metrics.bootstrapped(metrics.area_under_roc, labels, probabilities) for _ in range(2))
        assert first == second
        return first

    few, many = estimate(60), estimate(2000)
    assert few.low < few.value < few.high
    assert many.low < many.value < many.high
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_a_bootstrapped_interval_is_that_of_resampling_each_class_by_itself() -> None:
    random = np.random.default_rng(3)
    labels = np.repeat([AI, REAL], [300, 100])
    probabilities = np.clip(random.normal(0.35 + 0.3 * labels, 0.25), 0, 1)
    found = metrics.bootstrapped(lambda given, _: float(np.mean(given == AI)), labels, probabilities)
    assert (found.value, found.low, found.high) == pytest.approx((0.75, 0.75, 0.75))
    mean = metrics.bootstrapped(lambda _, drawn: float(np.mean(drawn)), labels, probabilities)
    error = np.sqrt(sum(probabilities[labels == label].var() * np.sum(labels == label) for label in (REAL, AI))) / 400
    assert (mean.low, mean.high) == pytest.approx((mean.value - 1.96 * error, mean.value + 1.96 * error), abs=0.003)


@pytest.mark.parametrize("labels", [[REAL, REAL, AI], [REAL, AI, AI], [REAL, REAL, REAL]])
def test_of_a_single_image_of_a_class_no_interval_is_known(labels: list[int]) -> None:
    probabilities = np.array([0.1, 0.2, 0.9])
    found = metrics.bootstrapped(metrics.calibration_error, np.array(labels), probabilities)
    value = metrics.calibration_error(np.array(labels), probabilities)
    assert found == metrics.Estimate(value, 0.0, 1.0)


def test_of_classes_told_apart_without_a_fault_the_interval_is_the_value() -> None:
    labels = np.array([REAL, REAL, AI, AI])
    found = metrics.bootstrapped(lambda *case: metrics.f1_score(*case, 0.5), labels, labels.astype(float))
    assert found == metrics.Estimate(1.0, 1.0, 1.0)
