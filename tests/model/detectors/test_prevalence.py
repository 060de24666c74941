import numpy as np
import pytest
from scipy.special import expit

from model.detectors.prevalence import adjust_to_share, choose_by_cost, find_calibrated_share


@pytest.mark.parametrize(("prevalence", "cost_ratio"), [(0.02, 20.0), (0.3, 5.0), (0.6, 0.5)])
def test_no_other_threshold_costs_less_where_the_share_of_ai_is_another(prevalence: float, cost_ratio: float) -> None:
    random = np.random.default_rng(3)
    labels = (random.random(400_000) < prevalence).astype(int)
    probabilities = expit(3 * random.normal(3.0 * labels, 1.0) - 4.5 + np.log(0.4 / 0.6))  # calibrated for 40 %

    def cost(threshold: float) -> float:
        called = probabilities >= threshold
        return float(np.mean(cost_ratio * (called & (labels == 0)) + (~called & (labels == 1))))

    chosen = choose_by_cost(cost_ratio=cost_ratio, prevalence=prevalence, calibrated=0.4)
    odds = chosen / (1 - chosen)
    others = [cost(odds * factor / (1 + odds * factor)) for factor in (0.2, 0.5, 2.0, 5.0)]
    assert cost(chosen) < min(others) * 1.01
    assert cost(chosen) < cost(0.5) or abs(chosen - 0.5) < 0.2


def test_a_probability_follows_the_share_of_ai() -> None:
    assert adjust_to_share(0.7, calibrated=0.4, share=0.4) == pytest.approx(0.7)
    assert adjust_to_share(0.5, calibrated=0.5, share=0.02) == pytest.approx(0.02)
    assert adjust_to_share(0.9, calibrated=0.5, share=0.0) == 0
    assert adjust_to_share(0.1, calibrated=0.5, share=1.0) == 1
    assert adjust_to_share(1.0, calibrated=0.5, share=0.0) == 0
    there = adjust_to_share(0.3, calibrated=0.4, share=0.05)
    assert adjust_to_share(there, calibrated=0.05, share=0.4) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("ratio", "prevalence", "named"), [(0, 0.1, "cost ratio"), (float("inf"), 0.1, "cost ratio"), (20, 2, "prevalence")]
)
def test_a_value_that_makes_no_sense_is_named(ratio: float, prevalence: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        choose_by_cost(cost_ratio=ratio, prevalence=prevalence, calibrated=0.5)


def test_the_share_of_the_calibration_is_that_of_the_counts_of_the_card() -> None:
    assert find_calibrated_share({"real": 150, "ai": 50}) == 0.25
    for unknown in ({}, {"real": 150}, {"real": 0, "ai": 5}):
        assert find_calibrated_share(unknown) is None
