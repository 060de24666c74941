"""The domain holds images like those of the training, and says why an image is outside."""

import numpy as np
import pytest

from model.detectors.domain import Domain, calibrate_domain, explain_outside, find_inside
from model.detectors.training_data import TrainingData

DOMAIN = Domain(limit=2.0, share=0.01)
TRAINED_ON = TrainingData(
    real=60,
    ai=40,
    sources={"shop": 100},
    generators={"flux": 40},
    formats={"JPEG": 100},
    shorter=(100, 400),
    longer=(150, 800),
    demonstration=False,
)


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_new_images_like_the_calibration_images_are_seldom_outside(share: float) -> None:
    random = np.random.default_rng(0)
    outside = []
    for _ in range(400):
        domain = calibrate_domain(random.normal(size=300), share=share)
        outside.append(np.mean(random.normal(size=1000) > domain.limit))
    assert share / 2 < np.mean(outside) < 1.05 * share
    assert domain.share == share


def test_few_images_promise_only_what_they_can() -> None:
    domain = calibrate_domain(np.arange(9.0), share=0.01)
    assert (domain.limit, domain.share) == (8.0, 0.1)


def test_without_images_there_is_no_limit() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        calibrate_domain(np.empty(0), share=0.01)


@pytest.mark.parametrize(
    ("distance", "side", "codes"),
    [
        (1.0, 100, []),
        (2.0, 400, []),
        (2.1, 200, ["out_of_domain"]),
        (1.0, 49, ["outside_range"]),
        (1.0, 50, []),
        (1.0, 801, ["outside_range"]),
        (3.0, 4000, ["outside_range", "out_of_domain"]),
    ],
)
def test_an_image_is_outside_by_its_distance_or_its_size(distance: float, side: int, codes: list[str]) -> None:
    notes = explain_outside(DOMAIN, TRAINED_ON, distance=distance, width=side + 500, height=side)
    assert [note.code for note in notes] == codes
    assert all(note.unsure for note in notes)
    inside = find_inside(
        DOMAIN, TRAINED_ON, distance=np.array([distance]), width=np.array([side + 500]), height=np.array([side])
    )
    assert inside.tolist() == [not codes]


def test_a_note_names_the_size_and_the_range() -> None:
    (note,) = explain_outside(DOMAIN, TRAINED_ON, distance=0, width=4032, height=3024)
    assert note.detail == (
        "Its shorter side has 3,024 px. The detector was trained on pictures whose shorter side has 100 to 400 px."
    )


def test_without_training_data_the_distance_alone_decides() -> None:
    assert find_inside(
        DOMAIN, None, distance=np.array([1.0, 3.0]), width=np.ones(2, int), height=np.ones(2, int)
    ).tolist() == [
        True,
        False,
    ]
    assert not explain_outside(DOMAIN, None, distance=1, width=1, height=1)
