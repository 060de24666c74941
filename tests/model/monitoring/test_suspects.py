"""The groups that are looked for among recent images, each by its definition."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm

from model.detectors.traffic_sample import Reference, Sample
from model.labels import AI, REAL
from model.monitoring.limits import DriftLimits, read_limits
from model.monitoring.mean_shift import measure_shift
from model.monitoring.suspects import Suspects, find_suspects
from model.monitoring.terms import Signal
from support.monitoring import draw_reference, draw_unseen, join

LIMITS = replace(
    read_limits(), embedding_distance=1e-9, dense_group=1e-9, doubtful_group=1e-9, real_shift=1e-9, chance=0.01
)
"""Limits so small that chance sets all of them."""
REFERENCE = draw_reference(600)
THRESHOLD = 0.6


def find(
    recent: Sample, *, reference: Reference = REFERENCE, ai_share: float = 0.5, limits: DriftLimits = LIMITS
) -> Suspects:
    return find_suspects(reference, recent, threshold=THRESHOLD, ai_share=ai_share, limits=limits)


def by_name(found: Suspects) -> dict[str, Signal]:
    return {signal.name: signal for signal in found.signals}


def measure_sureness(sample: Sample) -> np.ndarray:
    """Return the distance of each probability to the threshold, in log-odds."""
    return np.abs(logit(sample.probability.clip(1e-6, 1 - 1e-6)) - logit(THRESHOLD))


@pytest.mark.parametrize("kind", ["doubtful", "elsewhere"])
def test_doubtful_images_are_those_of_the_least_sure_tenth_of_the_reference(kind: str) -> None:
    recent = join(draw_reference(200, seed=1, ai_share=0.8).sample, draw_unseen(60, kind))
    before, now = measure_sureness(REFERENCE.sample), measure_sureness(recent)
    doubtful = np.quantile(before, 0.1)
    share, size = max(
        (np.mean(before[REFERENCE.label == label] <= doubtful), np.sum(REFERENCE.label == label))
        for label in (REAL, AI)
    )
    signal = by_name(find(recent))["doubtful_group"]
    assert signal.value == pytest.approx(np.mean(now <= doubtful) - share)
    error = np.sqrt(max(share, 0.1) * (1 - share) * (1 / size + 1 / len(recent)))
    assert signal.limit == pytest.approx(norm.isf(0.01) * error)


def test_the_suspects_of_a_doubtful_group_are_the_least_sure_first() -> None:
    recent = join(draw_reference(300, seed=1).sample, draw_unseen(100, "doubtful"))
    found, sureness = find(recent), measure_sureness(recent)
    assert not by_name(found)["dense_group"].over
    order = np.argsort(sureness, kind="stable")
    expected = order[: np.sum(sureness <= np.quantile(measure_sureness(REFERENCE.sample), 0.1))]
    assert found.likeliest == tuple(expected)
    assert found.among == len(expected)


def test_images_that_look_real_are_compared_with_real_ones_of_which_the_detector_is_sure() -> None:
    recent = join(draw_reference(300, seed=1).sample, draw_unseen(100, "taken_for_real"))
    before, now = (
        np.flatnonzero(
            (measure_sureness(sample) > np.quantile(measure_sureness(REFERENCE.sample), 0.1))
            & (sample.probability < THRESHOLD)
        )
        for sample in (REFERENCE.sample, recent)
    )
    assert REFERENCE.sample.embedding is not None and recent.embedding is not None
    shift = measure_shift(REFERENCE.sample.embedding[before], recent.embedding[now], chance=0.01)
    found = find(recent, limits=replace(LIMITS, dense_group=0.9, doubtful_group=0.9))
    assert by_name(found)["real_shift"] == Signal.against("real_shift", shift.distance, shift.by_chance)
    assert found.likeliest[0] == now[np.argmax(shift.outward)]
    assert found.among == len(now)
    assert len(found.likeliest) == np.sum(shift.outward > shift.edge)


def test_no_shift_is_looked_for_where_known_ai_images_may_look_real() -> None:
    recent = join(draw_reference(300, seed=1).sample, draw_unseen(100, "taken_for_real"))
    called_real = REFERENCE.sample.probability < THRESHOLD
    sure = measure_sureness(REFERENCE.sample) > np.quantile(measure_sureness(REFERENCE.sample), 0.1)
    ai, real = (np.mean((called_real & sure)[REFERENCE.label == label]) for label in (AI, REAL))
    share = 0.1 * real / (0.1 * real + 0.9 * ai)  # of AI images, at which one in ten that look real is AI
    shifts = [by_name(find(recent, ai_share=share + more))["real_shift"].value for more in (-0.001, 0.001)]
    assert shifts[0] > 0
    assert shifts[1] == 0


@pytest.mark.parametrize(
    ("known", "recent", "measured"), [(24, 200, True), (23, 200, False), (200, 16, True), (200, 15, False)]
)
def test_a_shift_takes_three_images_of_the_reference_for_each_axis_and_two_recent_ones(
    known: int, recent: int, *, measured: bool
) -> None:
    def sure(images: int, seed: int) -> Sample:
        sample = draw_reference(images, seed=seed, ai_share=0.0).sample
        return replace(sample, probability=np.full(images, 0.05))

    calling = draw_reference(300, seed=5, ai_share=1.0).sample
    calling = replace(calling, probability=np.linspace(0.61, 0.99, 300))
    reference = Reference(
        sample=join(sure(known, 1), calling), label=np.repeat([REAL, AI], [known, 300]).astype(np.uint8)
    )
    found = by_name(find(join(sure(recent, 2), calling), reference=reference))
    assert (found["real_shift"].value != 0) is measured


def test_the_distance_has_the_limit_that_chance_sets_and_a_group_has_fifteen_images() -> None:
    found = find(join(draw_reference(300, seed=1).sample, draw_unseen(100, "elsewhere")))
    assert found.error is not None
    assert by_name(found)["embedding_distance"].limit == pytest.approx(norm.isf(0.01) * found.error)
    assert by_name(found)["embedding_distance"].value == found.distance
    assert by_name(found)["dense_group"].limit == 15 / found.compared
    assert by_name(found)["dense_group"].value == found.among / found.compared
    assert len(found.likeliest) == found.among
    assert np.mean(np.array(found.likeliest) >= 300) > 0.9


@pytest.mark.parametrize(("alike", "looked"), [(29, False), (30, True)])
def test_groups_are_looked_for_among_thirty_comparable_images(alike: int, *, looked: bool) -> None:
    other = draw_reference(100, seed=2).sample
    other = replace(other, format=np.full(100, "WEBP"), jpeg_quality=np.full(100, np.nan))
    found = find(join(other, draw_unseen(alike, "doubtful")))
    signals = by_name(found)
    assert found.compared == alike
    assert signals["doubtful_group"].over is looked
    assert all(suspect >= 100 for suspect in found.likeliest)
    if not looked:
        assert (found.likeliest, found.among) == ((), 0)
        assert signals["dense_group"].value == signals["doubtful_group"].value == signals["real_shift"].value == 0
        assert found.error is not None, "the distance is that of all images"


def test_another_share_of_ai_images_is_no_distance() -> None:
    recent = draw_reference(600, seed=1, ai_share=0.9).sample
    assert find(recent, ai_share=0.9).distance < find(recent, ai_share=0.5).distance / 2
