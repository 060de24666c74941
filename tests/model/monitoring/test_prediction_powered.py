"""Accuracy from a few labels and the confidence of all verdicts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.estimate import Estimate
from model.metrics import proportion
from model.monitoring.prediction_powered import estimate_audited_accuracy


def draw(accuracy: float, *, seed: int, off: float = 0.0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Draw 5,000 verdicts, and confidences that are too high by `off`."""
    random = np.random.default_rng(seed)
    chance = random.beta(6 * accuracy, 6 * (1 - accuracy), 5000)
    return random.random(5000) < chance, np.clip(chance + off, 0.5, 1.0)


def audit(right: NDArray[np.bool_], confidence: NDArray[np.float64], labelled: int, *, seed: int) -> Estimate:
    chosen = np.random.default_rng(seed).choice(len(right), labelled, replace=False)
    mean, variance = float(confidence.mean()), float(confidence.var())
    return estimate_audited_accuracy(
        right[chosen], confidence[chosen], mean=mean, variance=variance, verdicts=len(right)
    )


@pytest.mark.parametrize(("accuracy", "off"), [(0.9, 0.0), (0.7, 0.0), (0.15, 0.8)])
def test_the_interval_holds_the_truth_as_often_as_it_says_even_if_the_detector_is_wrong(
    accuracy: float, off: float
) -> None:
    held = 0
    for seed in range(200):
        right, confidence = draw(accuracy, seed=seed, off=off)
        found = audit(right, confidence, 100, seed=seed)
        held += found.low <= right.mean() <= found.high
    assert held >= 182


def test_a_detector_that_knows_what_it_knows_narrows_the_interval() -> None:
    random = np.random.default_rng(0)
    chance = random.choice([0.55, 0.99], 5000)
    right = random.random(5000) < chance
    found, alone = audit(right, chance, 200, seed=1), proportion(int(0.77 * 200), 200)
    assert found.high - found.low < 0.85 * (alone.high - alone.low)


@pytest.mark.parametrize("wrong", [0, 9])
def test_with_few_errors_the_labels_stand_alone(wrong: int) -> None:
    right = np.arange(50) >= wrong
    found = estimate_audited_accuracy(right, np.full(50, 0.99), mean=0.99, variance=0.0, verdicts=1000)
    assert found == proportion(50 - wrong, 50)


def test_a_detector_that_is_always_as_sure_adds_nothing() -> None:
    right = np.arange(100) >= 20
    found = estimate_audited_accuracy(right, np.full(100, 0.99), mean=0.99, variance=0.0, verdicts=1000)
    assert found.value == pytest.approx(0.8)
    assert 0.7 < found.low < 0.75 and 0.85 < found.high < 0.9


def test_without_labels_there_is_no_estimate() -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        estimate_audited_accuracy(np.zeros(0, bool), np.zeros(0), mean=0.9, variance=0.0, verdicts=10)
