from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.detectors.traffic_sample import Reference
from model.estimate import Estimate
from model.labels import AI
from model.monitoring.label_free_estimates import estimate_accuracy, estimate_ai_share
from support.monitoring import draw_reference

REFERENCE = draw_reference(1000)


def accuracy(reference: Reference, recent: NDArray[np.float64]) -> Estimate:
    return estimate_accuracy(reference, recent, threshold=0.5, ai_share=estimate_ai_share(reference, recent))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_the_share_of_ai_images_is_found_whatever_the_ratio_of_the_classes(share: float) -> None:
    recent = draw_reference(1000, seed=1, ai_share=share)

    estimate = estimate_ai_share(REFERENCE, recent.sample.probability)

    assert estimate.low <= np.mean(recent.label == AI) <= estimate.high
    assert estimate.high - estimate.low < 0.1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_accuracy_is_estimated_without_labels_whatever_the_ratio_of_the_classes(share: float) -> None:
    recent = draw_reference(1000, seed=2, ai_share=share)
    right = np.mean((recent.sample.probability >= 0.5) == (recent.label == AI))

    estimate = accuracy(REFERENCE, recent.sample.probability)

    assert estimate.low <= right <= estimate.high
    assert estimate.high - estimate.low < 0.07


def test_a_detector_that_is_surer_than_right_is_not_believed() -> None:
    cocksure = replace(REFERENCE, sample=replace(REFERENCE.sample, probability=REFERENCE.sample.probability.round()))
    right = np.mean(cocksure.sample.probability == REFERENCE.label)

    assert accuracy(cocksure, cocksure.sample.probability).value == pytest.approx(right, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.integers(1, 60), st.floats(0, 1))
def test_an_estimate_lies_in_its_interval_and_the_interval_among_shares(seed: int, images: int, share: float) -> None:
    recent = draw_reference(images, seed=seed, ai_share=share).sample.probability
    for estimate in (estimate_ai_share(REFERENCE, recent), accuracy(REFERENCE, recent)):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
