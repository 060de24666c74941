from functools import partial

import numpy as np
import pytest
from PIL import Image

from model.images.degradations import (
    DEGRADATIONS,
    RESHIPPED,
    add_noise,
    blur,
    brighten,
    crop,
    rerender,
    resize,
    to_greyscale,
)

SCENE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((80, 60))
FLAT = Image.new("RGB", (40, 30), (100, 120, 140))


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


def distance(image: Image.Image) -> float:
    return float(np.abs(levels(image) - levels(SCENE)).mean())


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_changes_a_picture_the_same_way_each_time_and_leaves_its_input_alone(name: str) -> None:
    before = SCENE.tobytes()
    first, second = DEGRADATIONS[name](SCENE), DEGRADATIONS[name](SCENE)
    assert first.mode == "RGB"
    assert first.tobytes() == second.tobytes() != before
    assert SCENE.tobytes() == before


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_smallest_picture_survives(name: str) -> None:
    assert min(DEGRADATIONS[name](Image.new("RGB", (1, 1))).size) >= 1


def test_what_is_reshipped_is_part_of_the_battery() -> None:
    assert set(RESHIPPED) <= set(DEGRADATIONS)


def test_a_jpeg_of_lower_quality_is_further_from_the_picture() -> None:
    distances = [distance(DEGRADATIONS[f"jpeg-{quality}"](SCENE)) for quality in (90, 75, 50, 30)]
    assert distances == sorted(distances)
    assert distances[0] > 0


def test_sizes_change_as_the_names_say() -> None:
    assert DEGRADATIONS["resize-0.5"](SCENE).size == (40, 30)
    assert DEGRADATIONS["resize-2"](SCENE).size == (160, 120)
    assert crop(SCENE).size == (64, 48)
    assert rerender(SCENE).size == (72, 54)


def test_a_crop_is_the_middle() -> None:
    np.testing.assert_array_equal(levels(crop(SCENE)), levels(SCENE)[6:54, 8:72])


def test_noise_has_its_strength_and_is_another_for_another_picture() -> None:
    added = levels(add_noise(FLAT)) - levels(FLAT)
    assert added.std() == pytest.approx(8, rel=0.05)
    assert abs(added.mean()) < 1
    brighter = FLAT.point(lambda level: level + 1)
    assert not np.array_equal(levels(add_noise(brighter)) - levels(brighter), added)


def test_blurring_smooths_brightening_brightens_and_draining_leaves_grey() -> None:
    assert levels(blur(SCENE)).std() < levels(SCENE).std()
    np.testing.assert_allclose(levels(brighten(FLAT)), levels(FLAT) * 1.3, atol=1)
    assert len(set(to_greyscale(FLAT).getpixel((0, 0)))) == 1


def test_a_screenshot_darkens_the_middle_tones_and_keeps_black_and_white() -> None:
    assert rerender(Image.new("RGB", (9, 9), (128,) * 3)).getpixel((4, 4)) == (124,) * 3
    for end in (0, 255):
        assert rerender(Image.new("RGB", (9, 9), (end,) * 3)).getpixel((4, 4)) == (end,) * 3


def test_a_blur_is_no_stronger_for_a_larger_picture_than_its_limit() -> None:
    edge = Image.new("RGB", (600, 600))
    edge.paste((255, 255, 255), (300, 0, 600, 600))
    row = levels(blur(edge))[300, :, 0]
    assert np.all(row[:290] == 0)
    assert partial(resize, factor=0.5)(edge).size == (300, 300)
