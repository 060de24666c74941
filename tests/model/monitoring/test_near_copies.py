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
