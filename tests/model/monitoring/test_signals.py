from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, kstwobign, norm, ttest_ind

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


UNLIMITED = replace(
    LIMITS, mean_probability=1e-9, low_confidence=1e-9, class_ratio=1e-9, psi=1e-9, ks=1e-9, chance=0.01
)
"""Limits so small that chance sets all of them."""


def by_name(recent: Sample, reference: Sample = REFERENCE, **about: object) -> dict[str, Signal]:
    about = {"threshold": 0.5, "band": (0.4, 0.6), "limits": UNLIMITED} | about
    signals = [
        *probability_signals(reference, recent, **about),  # type: ignore[arg-type]
        *file_signals(reference, recent, about["limits"]),  # type: ignore[arg-type]
    ]
    return {signal.name: signal for signal in signals}


def test_each_limit_is_what_samples_of_one_distribution_exceed_as_often_as_chance_may() -> None:
    recent = draw_reference(120, seed=3, ai_share=0.3).sample
    before, now, signals = REFERENCE.probability, recent.probability, by_name(recent)
    scale = 1 / len(before) + 1 / len(now)
    moved = now - now.mean() + before.mean() + signals["mean_probability"].limit
    assert ttest_ind(before, moved).pvalue == pytest.approx(0.01)
    usual = (np.sum(before >= 0.5) + np.sum(now >= 0.5) + 1) / (len(before) + len(now) + 2)
    ratio = signals["class_ratio"].limit / np.sqrt(usual * (1 - usual) * scale)
    assert 2 * norm.sf(ratio) == pytest.approx(0.01)
    doubt = np.mean((before >= 0.25) & (before <= 0.75))
    surplus = (signals["low_confidence"].limit - doubt) / np.sqrt(doubt * (1 - doubt) * scale)
    assert norm.sf(surplus) == pytest.approx(0.01)
    assert kstwobign.sf(signals["ks_probability"].limit / np.sqrt(scale)) == pytest.approx(0.01)
    assert chi2.sf(signals["psi_probability"].limit / scale, 9) == pytest.approx(0.01), "ten bins"
    assert chi2.sf(signals["psi_pixels"].limit / scale, 1) == pytest.approx(0.01), "one bin counts as two"


def test_the_values_are_the_differences_of_means_and_shares() -> None:
    recent = draw_reference(120, seed=3, ai_share=0.3).sample
    before, now, signals = REFERENCE.probability, recent.probability, by_name(recent)
    assert signals["mean_probability"].value == pytest.approx(before.mean() - now.mean())
    assert signals["class_ratio"].value == pytest.approx(np.mean(before >= 0.5) - np.mean(now >= 0.5))
    assert signals["low_confidence"].value == np.mean((now >= 0.25) & (now <= 0.75))
    steps = np.sort(np.concatenate([before, now]))
    apart = [abs(np.mean(before <= step) - np.mean(now <= step)) for step in steps]
    assert signals["ks_probability"].value == pytest.approx(max(apart))
    assert by_name(REFERENCE, recent)["mean_probability"].value == signals["mean_probability"].value


def test_the_limits_of_the_policy_hold_where_chance_explains_less() -> None:
    high = replace(LIMITS, mean_probability=0.9, low_confidence=0.9, class_ratio=0.9, psi=9.0, ks=0.9)
    limits = {name: signal.limit for name, signal in by_name(REFERENCE, limits=high).items()}
    assert limits == {name: 9.0 if name.startswith("psi_") else 0.9 for name in limits}
    assert len(limits) == 9


def test_what_lies_on_the_threshold_is_ai_and_what_lies_on_the_edge_of_the_band_is_doubtful() -> None:
    at = {value: replace(REFERENCE, probability=np.full(len(REFERENCE), value)) for value in (0.1, 0.2, 0.5, 0.8, 0.9)}
    signals = by_name(at[0.5], at[0.2])
    assert signals["class_ratio"].value == 1.0
    assert [by_name(at[value], band=(0.2, 0.8))["low_confidence"].value for value in at] == [0, 1, 1, 1, 0]


def test_stability_is_that_of_its_definition_with_half_an_image_more_in_each_bin() -> None:
    found = population_stability(np.array([0, 0, 1]), np.array([0, 1, 1, 3]))
    p, q = np.array([2.5, 1.5, 0.5]) / 4.5, np.array([1.5, 2.5, 1.5]) / 5.5
    assert found == pytest.approx(np.sum((p - q) * np.log(p / q)))


def test_the_bins_hold_a_tenth_of_the_reference_each_and_a_value_of_many_images_has_its_own() -> None:
    def compare(before: list[float], now: list[float]) -> Signal:
        first, second = (
            replace(REFERENCE.take(np.zeros(len(each), int)), jpeg_quality=np.array(each)) for each in (before, now)
        )
        return by_name(second, first)["psi_jpeg_quality"]

    tens = [float(value) for value in range(100)]
    assert compare(tens, tens).value == 0
    assert compare(tens, [value + 0.5 for value in tens]).value == 0, "within the bins"
    shifted = compare(tens, [value + 1 for value in tens])
    p, q = (
        np.array([first, *[10.5] * 8, last]) / 105 for first, last in ((9.5, 11.5), (8.5, 12.5))
    )  # an edge is above
    assert shifted.value == pytest.approx(np.sum((p - q) * np.log(p / q)))
    many = [50.0] * 60 + tens[:20] + tens[80:]
    assert compare(many, [50.0] * 60 + [51.0] * 20 + tens[80:]).value > 0.7, "51 is not in the bin of 50"
    unknown = [np.nan] * 50 + tens[:50]
    assert compare(unknown, unknown).value == 0
    assert compare(unknown, tens[:50] * 2).value > 1
    assert compare([np.nan] * 40, [np.nan] * 40).value == 0
    assert compare([np.nan] * 40, tens[:40]).value > 1
