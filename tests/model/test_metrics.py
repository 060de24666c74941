import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from scipy.stats import norm

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
    labels = np.arange(400) % 2
    probabilities = expit(random.normal(2.0 * labels - 1, 1.5))
    found = metrics.auroc(labels, probabilities)
    drawn = [
        metrics.area_under_roc(labels[order], probabilities[order])
        for order in (random.integers(0, 200, 400) * 2 + labels for _ in range(500))
    ]
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)


@pytest.mark.parametrize("distance", [2.0, 3.0])
def test_delongs_interval_holds_the_truth_near_one_on_few_images(distance: float) -> None:
    random, labels = np.random.default_rng(0), np.repeat([REAL, AI], 30)
    truth = norm.cdf(distance / np.sqrt(2))
    found = [metrics.auroc(labels, expit(random.normal(distance * labels, 1.0))) for _ in range(400)]
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.93
    assert all(each.low < 1 for each in found)


@pytest.mark.parametrize(("each", "least", "most"), [(2, 0.2, 0.6), (30, 0.9, 0.97), (1_000, 0.995, 1.0)])
def test_classes_that_are_told_apart_without_a_fault_leave_a_doubt_that_shrinks_with_their_images(
    each: int, least: float, most: float
) -> None:
    labels = np.repeat([REAL, AI], each)
    found = metrics.auroc(labels, labels.astype(float))
    assert (found.value, found.high) == (1, 1)
    assert least < found.low < most
    wrong = metrics.auroc(labels, 1.0 - labels)
    assert (wrong.value, wrong.low, wrong.high) == (0, 0, 1 - found.low)
    copies = metrics.auroc(np.tile(labels, 5), np.tile(labels, 5).astype(float), np.tile(np.arange(2 * each), 5))
    assert copies == found, "a cluster tells no more than an image"


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
    assert metrics.f1_score(labels, probabilities, threshold).value == pytest.approx(expected)


def test_without_ai_images_and_without_alarms_f1_is_not_known() -> None:
    assert metrics.f1_score(np.array([REAL]), np.array([0.1]), 0.5) == metrics.Estimate(0.0, 0.0, 1.0)


def test_the_interval_of_f1_holds_the_truth() -> None:
    random, labels = np.random.default_rng(6), np.repeat([REAL, AI], 60)
    wrong = norm.cdf(-1.25)
    truth = 2 * (1 - wrong) / (2 * (1 - wrong) + 2 * wrong)
    found = [metrics.f1_score(labels, random.normal(2.5 * labels, 1.0), 1.25) for _ in range(400)]
    assert np.mean([each.low <= truth <= each.high for each in found]) == pytest.approx(0.95, abs=0.03)


def draw_calibrated(random: np.random.Generator, size: int) -> tuple[metrics.Labels, metrics.Probabilities]:
    probabilities = random.beta(0.3, 0.3, size)
    return (random.random(size) < probabilities).astype(int), probabilities


@pytest.mark.parametrize(("size", "most"), [(314, 0.035), (2_000, 0.015)])
def test_the_interval_of_a_calibrated_detectors_error_holds_zero(size: int, most: float) -> None:
    random = np.random.default_rng(10)
    found = [metrics.estimate_calibration_error(*draw_calibrated(random, size)) for _ in range(100)]
    assert np.mean([each.low == 0 for each in found]) >= 0.95
    assert np.mean([each.value for each in found]) < most, "chance adds 0.053 and 0.021"
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in found)


@pytest.mark.parametrize("excess", [0.02, 0.05, 0.1])
def test_the_interval_of_the_calibration_error_holds_the_true_error(excess: float) -> None:
    random, found = np.random.default_rng(11), []

    def draw(size: int) -> tuple[metrics.Probabilities, metrics.Probabilities]:
        true = random.beta(0.3, 0.3, size)
        return true, np.clip(true + excess * np.sign(true - 0.5), 0, 1)

    true, stated = draw(200_000)
    bins = metrics.calibration_bins(stated)
    error = np.abs(np.bincount(bins, stated - true, metrics.ECE_BINS)).sum() / len(true)
    for _ in range(100):
        true, stated = draw(500)
        labels = (random.random(500) < true).astype(int)
        found.append(metrics.estimate_calibration_error(labels, stated))
    assert np.mean([each.low <= error <= each.high for each in found]) >= 0.93
    if excess > 0.04:
        assert np.mean([each.value for each in found]) == pytest.approx(error, abs=0.006)


def test_a_bin_of_few_images_is_not_certain_of_itself() -> None:
    found = metrics.estimate_calibration_error(np.repeat([REAL, AI], 5), np.repeat([0.001, 0.999], 5))
    assert found.value < 0.001
    assert found.high > 0.1


def test_calibration_error_of_honest_probabilities_is_near_zero_and_of_boasting_ones_is_not() -> None:
    random = np.random.default_rng(1)
    probabilities = random.uniform(size=20_000)
    labels = (random.uniform(size=20_000) < probabilities).astype(int)
    assert metrics.estimate_calibration_error(labels, probabilities).value < 0.01
    boasting = metrics.estimate_calibration_error(labels, (probabilities > 0.5).astype(float))
    assert (boasting.value, boasting.low) == pytest.approx((0.25, 0.244), abs=0.005)


def in_clusters(
    random: np.random.Generator, *, clusters: int, size: int, truth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Marks that the members of a cluster share in four cases of five."""
    common, own = random.random(clusters) < truth, random.random((clusters, size)) < truth
    marks = np.where(random.random((clusters, size)) < 0.8, common[:, np.newaxis], own)
    return marks.ravel(), np.repeat(np.arange(clusters), size)


@pytest.mark.parametrize(("clusters", "truth"), [(200, 0.95), (200, 0.8), (30, 0.9)])
def test_the_interval_of_a_share_holds_the_truth_with_clusters_of_ten(clusters: int, truth: float) -> None:
    random = np.random.default_rng(3)
    drawn = [in_clusters(random, clusters=clusters, size=10, truth=truth) for _ in range(400)]
    found, naive = ([metrics.share(*(case[:known])) for case in drawn] for known in (2, 1))
    held, naively = (np.mean([each.low <= truth <= each.high for each in given]) for given in (found, naive))
    assert held == pytest.approx(0.955, abs=0.03)
    assert naively < 0.7


def test_clusters_of_one_image_change_nothing() -> None:
    random = np.random.default_rng(4)
    labels, probabilities = draw_calibrated(random, 300)
    alone = random.permutation(300) + 5
    for measure in (metrics.auroc, metrics.estimate_calibration_error):
        assert measure(labels, probabilities, alone) == measure(labels, probabilities)
        assert measure(labels, probabilities, np.array([], int)) == measure(labels, probabilities)
    found = metrics.accuracy(labels, probabilities, 0.5, alone)
    assert found == metrics.proportion(int(np.sum((probabilities >= 0.5) == labels)), 300)


def test_copies_of_images_tell_no_more_than_the_images() -> None:
    labels, probabilities = draw_calibrated(np.random.default_rng(5), 400)
    copies = np.tile(labels, 5), np.tile(probabilities, 5)
    clusters = np.tile(np.arange(400), 5)
    alone, found = metrics.auroc(labels, probabilities), metrics.auroc(*copies, clusters)
    assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high))
    for measure in (metrics.accuracy, metrics.false_positive_rate, metrics.true_positive_rate, metrics.f1_score):
        alone, found = measure(labels, probabilities, 0.6), measure(*copies, 0.6, clusters)
        assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high), abs=0.003)
    once, many = metrics.estimate_calibration_error(labels, probabilities), metrics.estimate_calibration_error(*copies)
    found = metrics.estimate_calibration_error(*copies, clusters)
    assert found.high - found.low == pytest.approx(once.high - once.low, abs=0.01)
    assert many.high - many.low < 0.7 * (once.high - once.low)


def test_the_interval_of_auroc_holds_the_truth_with_clusters_of_ten() -> None:
    random, truth = np.random.default_rng(7), norm.cdf(2 / np.sqrt(2))
    labels, clusters = np.repeat(np.arange(100) % 2, 10), np.repeat(np.arange(100), 10)
    held, naively = [], []
    for _ in range(300):
        common = random.normal(0, np.sqrt(0.8), 100)[clusters]
        scores = expit(2 * labels + common + random.normal(0, np.sqrt(0.2), 1_000))
        for kept, found in ((held, metrics.auroc(labels, scores, clusters)), (naively, metrics.auroc(labels, scores))):
            kept.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.93
    assert np.mean(naively) < 0.8


def test_a_real_and_an_ai_image_of_one_cluster_that_move_together_tell_more_of_their_order() -> None:
    random, labels = np.random.default_rng(8), np.tile([REAL, AI], 200)
    pairs = np.repeat(np.arange(200), 2)
    scores = expit(labels + random.normal(size=200)[pairs] + random.normal(0, 0.5, 400))
    apart, together = metrics.auroc(labels, scores), metrics.auroc(labels, scores, pairs)
    assert together.value == apart.value
    assert together.high - together.low < 0.8 * (apart.high - apart.low)


def test_of_a_single_cluster_nothing_is_known() -> None:
    labels, probabilities = draw_calibrated(np.random.default_rng(9), 50)
    together = np.zeros(50, int)
    for found in (
        metrics.accuracy(labels, probabilities, 0.5, together),
        metrics.auroc(labels, probabilities, together),
        metrics.f1_score(labels, probabilities, 0.5, together),
    ):
        assert (found.low, found.high) == (0, 1)
