"""What each augmentation changes in an image, and what it does not."""

from dataclasses import fields, replace

import numpy as np
import pytest

from model.training.config import Augmentation
from model.training.data.augment import augment
from model.training.data.draws import draw_luck
from support.training import noise

COUNT, SIZE = 40, 32
OFF = Augmentation()
CHANCES = [field.name for field in fields(Augmentation) if field.name not in ("shift", "paired")]
DEGRADING = ["colour", "resize", "blur", "noise", "jpeg", "webp"]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Coarse noise, which has edges."""
    return noise(COUNT, size=SIZE // 4).pixels.repeat(4, axis=1).repeat(4, axis=2)


LABELS = (np.arange(COUNT) % 2).astype(np.float32)
LUCK = draw_luck(COUNT, np.random.default_rng(0))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any((1, 2, 3))


def test_nothing_happens_unless_it_is_switched_on(pixels: np.ndarray) -> None:
    after, labels = augment(pixels, LABELS, LUCK, OFF)
    assert (after == pixels).all()
    assert (labels == LABELS).all()


@pytest.mark.parametrize("chance", CHANCES)
def test_a_probability_is_the_share_of_images_that_are_changed(pixels: np.ndarray, chance: str) -> None:
    never, sometimes, always = (
        changed(pixels, augment(pixels, LABELS, LUCK, replace(OFF, **{chance: probability}))[0]).mean()
        for probability in (0.0, 0.5, 1.0)
    )
    assert never == 0.0
    assert 0.2 < sometimes < 0.8
    assert always > 0.8  # a blend can be so close to one of its images that nothing changes


@pytest.mark.parametrize("chance", DEGRADING)
def test_degrading_leaves_the_picture_where_it_is(pixels: np.ndarray, chance: str) -> None:
    after, _ = augment(pixels, LABELS, LUCK, replace(OFF, **{chance: 1.0}))
    for one, other in zip(pixels, after, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.8


def test_a_shift_moves_each_image_by_its_own_offset_and_mirrors_the_border(pixels: np.ndarray) -> None:
    after, _ = augment(pixels, LABELS, LUCK, replace(OFF, shift=0.125))
    offsets = set()
    for one, other in zip(pixels, after, strict=True):
        padded = np.pad(one, ((4, 4), (4, 4), (0, 0)), mode="reflect")
        places = [(y, x) for y in range(9) for x in range(9) if (padded[y : y + SIZE, x : x + SIZE] == other).all()]
        assert places
        offsets.add(places[0])
    assert len(offsets) > COUNT // 2


def test_paired_views_are_the_same_image_clean_and_degraded(pixels: np.ndarray) -> None:
    chances = Augmentation(mirror=0.5, shift=0.1, jpeg=1.0, paired=True)
    views, labels = augment(pixels, LABELS, LUCK, chances)
    clean, degraded = np.split(views, 2)
    assert (clean == augment(pixels, LABELS, LUCK, replace(OFF, mirror=0.5, shift=0.1))[0]).all()
    assert (degraded == augment(pixels, LABELS, LUCK, replace(chances, paired=False))[0]).all()
    assert changed(clean, degraded).all()
    assert (labels == np.tile(LABELS, 2)).all()


def test_mixup_blends_neighbours_and_their_labels_alike() -> None:
    dark_and_bright = np.zeros((COUNT, SIZE, SIZE, 3), np.uint8)
    dark_and_bright[1::2] = 200
    mixed, labels = augment(dark_and_bright, LABELS, LUCK, replace(OFF, mixup=1.0))
    np.testing.assert_allclose(mixed[:, 0, 0, 0] / 200, labels, atol=0.005)
    np.testing.assert_allclose(labels[::2] + labels[1::2], 1.0, atol=1e-6)
    assert len(np.unique(labels)) > COUNT // 2


def test_cutmix_gives_labels_the_share_of_the_pixels() -> None:
    dark_and_bright = np.zeros((COUNT, SIZE, SIZE, 3), np.uint8)
    dark_and_bright[1::2] = 200
    mixed, labels = augment(dark_and_bright, LABELS, LUCK, replace(OFF, cutmix=1.0))
    assert set(np.unique(mixed)) == {0, 200}
    np.testing.assert_allclose((mixed[..., 0] == 200).mean((1, 2)), labels, atol=1e-6)
