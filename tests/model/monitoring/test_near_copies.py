"""Images that the detector sees as nearly the same count once."""

from dataclasses import replace

import numpy as np
import pytest

from model.detectors.traffic_sample import Sample
from model.monitoring.near_copies import leave_out_near_copies
from support.monitoring import draw_reference, join

REFERENCE = draw_reference(300).sample
TRAFFIC = draw_reference(300, seed=1).sample


def nudged(sample: Sample, *, by: float, seed: int = 0) -> Sample:
    """Return other images of the same scenes."""
    random = np.random.default_rng(seed)
    assert sample.embedding is not None
    noise = random.normal(0, by, sample.embedding.shape).astype(np.float32)
    return replace(sample, embedding=sample.embedding + noise)


def test_nearly_all_different_images_stay() -> None:
    kept = leave_out_near_copies(REFERENCE, TRAFFIC)
    assert len(kept) > 0.9 * len(TRAFFIC)
    assert kept.tolist() == sorted(kept.tolist())


@pytest.mark.parametrize("by", [0.0, 0.05])
def test_of_near_copies_the_newest_stays(by: float) -> None:
    scenes = TRAFFIC.take(slice(0, 20))
    twenty_of_each = join(*(nudged(scenes, by=by, seed=seed) for seed in range(20)))
    assert leave_out_near_copies(REFERENCE, twenty_of_each).tolist() == list(range(380, 400))


def test_without_a_measure_of_near_all_images_stay() -> None:
    same = TRAFFIC.take(np.zeros(10, int))
    for reference, recent in (
        (replace(REFERENCE, embedding=None), same),
        (REFERENCE, replace(same, embedding=None)),
        (REFERENCE.take(slice(49)), same),
        (REFERENCE, REFERENCE.take(slice(0))),
    ):
        assert len(leave_out_near_copies(reference, recent)) == len(recent)
    assert len(leave_out_near_copies(REFERENCE.take(slice(50)), same)) == 1


def test_a_detector_that_sees_no_difference_between_images_loses_none() -> None:
    blind = replace(REFERENCE, embedding=np.zeros((300, 8), np.float32))
    assert len(leave_out_near_copies(blind, blind)) == 300


def on_a_line(places: list[float] | np.ndarray) -> Sample:
    """Return images whose embeddings have one axis."""
    embedding = np.array(places, np.float32)[:, np.newaxis]
    return replace(REFERENCE.take(np.zeros(len(embedding), int)), embedding=embedding)


@pytest.mark.parametrize(("apart", "kept"), [(0.375, [1]), (0.5, [0, 1])])
def test_half_of_the_usual_distance_is_no_longer_near(apart: float, kept: list[int]) -> None:
    reference = on_a_line([*range(60), 59.125])  # one pair is nearer, which is not usual
    assert leave_out_near_copies(reference, on_a_line([7.0, 7.0 + apart])).tolist() == kept


def test_what_the_nearest_twentieth_of_the_reference_is_apart_is_not_near() -> None:
    reference = on_a_line([place + shift for place in range(50) for shift in ((0.0, 0.125) if place < 5 else (0.0,))])
    assert leave_out_near_copies(reference, on_a_line([7.0, 7.25])).tolist() == [0, 1]
    assert leave_out_near_copies(reference, on_a_line([7.0, 7.0625])).tolist() == [1]


def test_copies_are_found_among_thousands_of_images_and_only_they_go() -> None:
    places = np.arange(2_500.0)
    places[40] = places[2_200] + 0.25
    kept = leave_out_near_copies(on_a_line(np.arange(60.0)), on_a_line(places))
    assert kept.tolist() == [*range(40), *range(41, 2_500)]


def test_of_a_row_of_copies_each_is_compared_with_those_that_stay() -> None:
    """The newest drops the middle one, and the first is near to none that stays."""
    assert leave_out_near_copies(on_a_line(np.arange(60.0)), on_a_line([0.0, 0.375, 0.75])).tolist() == [0, 2]
