from dataclasses import replace

import numpy as np
import pytest

from model.detectors.traffic_sample import Sample
from model.monitoring.similar_files import comparable
from support.monitoring import draw_reference

REFERENCE = draw_reference(300).sample
RECENT = draw_reference(200, seed=1).sample


def of_any_size(sample: Sample, *, seed: int) -> Sample:
    sides = np.random.default_rng(seed).lognormal(6.5, 0.5, (2, len(sample))).astype(np.int64)
    return replace(sample, width=sides[0], height=sides[1])


def test_files_like_the_reference_are_comparable() -> None:
    assert comparable(REFERENCE, RECENT).all()


@pytest.mark.parametrize(
    "changed",
    [
        replace(RECENT, width=RECENT.width + 1),
        replace(RECENT, height=RECENT.height - 1),
        replace(RECENT, jpeg_quality=RECENT.jpeg_quality - 30),
        replace(RECENT, format=np.full(len(RECENT), "PNG"), jpeg_quality=np.full(len(RECENT), np.nan)),
    ],
)
def test_another_size_quality_or_format_is_not_comparable(changed: Sample) -> None:
    assert not comparable(REFERENCE, changed).any()


def test_where_files_are_of_any_size_most_are_comparable_and_far_ones_are_not() -> None:
    reference, recent = of_any_size(REFERENCE, seed=2), of_any_size(RECENT, seed=3)
    assert comparable(reference, recent).mean() > 0.85
    assert not comparable(reference, replace(recent, width=recent.width * 20)).any()


def test_each_format_is_compared_with_its_own() -> None:
    third = np.arange(len(REFERENCE)) % 3 == 0
    pngs = replace(
        REFERENCE,
        format=np.where(third, "PNG", "JPEG"),
        jpeg_quality=np.where(third, np.nan, REFERENCE.jpeg_quality),
        width=np.where(third, 128, 64),
    )
    recent = replace(RECENT, format=np.full(len(RECENT), "PNG"), jpeg_quality=np.full(len(RECENT), np.nan))
    assert not comparable(pngs, recent).any()
    assert comparable(pngs, replace(recent, width=recent.width * 2)).all()
