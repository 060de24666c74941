from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.detectors.traffic_sample import Sample
from model.monitoring.limits import read_limits
from model.monitoring.signals import file_signals, population_stability, probability_signals
from model.monitoring.terms import Signal
from support.monitoring import draw_reference

LIMITS = read_limits()
REFERENCE = draw_reference(500).sample


def names_over(signals: list[Signal]) -> set[str]:
    return {signal.name for signal in signals if signal.over}


def of_probability(recent: Sample) -> set[str]:
    return names_over(probability_signals(REFERENCE, recent, threshold=0.5, band=(0.4, 0.6), limits=LIMITS))


def of_files(recent: Sample) -> set[str]:
    return names_over(file_signals(REFERENCE, recent, LIMITS))


@pytest.mark.parametrize("rows", [10, 100, 1000])
def test_more_of_the_same_is_over_no_limit_however_few(rows: int) -> None:
    for seed in range(1, 6):
        recent = draw_reference(rows, seed=seed).sample
        assert of_files(recent) == set()
        assert of_probability(recent) & {"psi_probability", "ks_probability"} == set()


@pytest.mark.parametrize("rows", [10, 30])
def test_what_chance_explains_in_a_small_reference_is_over_no_limit(rows: int) -> None:
    for seed in range(60):
        before, now = draw_reference(rows, seed=seed).sample, draw_reference(100, seed=100 + seed).sample
        signals = probability_signals(before, now, threshold=0.5, band=(0.4, 0.6), limits=LIMITS)
        assert names_over(signals) & {"mean_probability", "class_ratio"} == set()


def test_a_reference_of_one_image_says_nothing_about_means() -> None:
    one = REFERENCE.take(slice(1))
    assert "mean_probability" not in names_over(
        probability_signals(one, one, threshold=0.5, band=(0.4, 0.6), limits=LIMITS)
    )


def test_another_ratio_of_the_classes_moves_the_probabilities_and_no_file() -> None:
    recent = draw_reference(500, seed=1, ai_share=0.1).sample
    assert of_probability(recent) == {"mean_probability", "class_ratio", "psi_probability", "ks_probability"}
    assert of_files(recent) == set()


def test_a_detector_in_doubt_is_noticed_though_mean_and_ratio_stay() -> None:
    recent = replace(REFERENCE, probability=0.5 + 0.4 * (REFERENCE.probability - 0.5))
    assert of_probability(recent) >= {"low_confidence"}
    assert of_probability(recent).isdisjoint({"mean_probability", "class_ratio"})


def test_a_detector_that_doubts_its_reference_as_much_has_not_drifted() -> None:
    unsure = replace(REFERENCE, probability=0.5 + 0.4 * (REFERENCE.probability - 0.5))
    signals = probability_signals(unsure, unsure.take(slice(200)), threshold=0.5, band=(0.4, 0.6), limits=LIMITS)
    assert "low_confidence" not in names_over(signals)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (replace(REFERENCE, width=REFERENCE.width * 2), "psi_pixels"),
        (replace(REFERENCE, bytes=REFERENCE.bytes // 2), "psi_bytes"),
        (replace(REFERENCE, jpeg_quality=REFERENCE.jpeg_quality - 20), "psi_jpeg_quality"),
        (replace(REFERENCE, jpeg_quality=np.full(len(REFERENCE), np.nan)), "psi_jpeg_quality"),
        (replace(REFERENCE, format=np.full(len(REFERENCE), "WEBP")), "psi_format"),
    ],
)
def test_a_fact_of_the_files_that_moves_is_named_and_no_other(changed: Sample, name: str) -> None:
    assert of_files(changed) == {name}
    assert of_probability(changed) == set()


def test_a_reference_of_one_value_knows_smaller_and_larger_ones() -> None:
    pixels = [replace(REFERENCE, width=REFERENCE.width + change) for change in (-1, 1)]
    assert [of_files(recent) for recent in pixels] == [{"psi_pixels"}] * 2


bins = st.lists(st.integers(0, 5), min_size=1, max_size=50).map(np.array)


@given(bins, bins)
def test_stability_is_symmetric_never_negative_and_zero_of_a_sample_with_itself(
    one: np.ndarray, other: np.ndarray
) -> None:
    assert population_stability(one, other) == pytest.approx(population_stability(other, one))
    assert population_stability(one, other) >= 0
    assert population_stability(one, one) == 0
