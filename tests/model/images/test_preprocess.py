"""From image to array."""

import numpy as np
import pytest
from PIL import Image

from model.images.preprocess import Preprocess


@pytest.mark.parametrize("size", [(64, 64), (200, 100), (33, 90), (8, 8)])
def test_any_image_becomes_a_square_array(size: tuple[int, int]) -> None:
    pixels = Preprocess(32)(Image.new("RGB", size, (10, 20, 30)))
    assert (pixels.shape, pixels.dtype) == ((32, 32, 3), np.uint8)
    assert (pixels == (10, 20, 30)).all()


def test_an_image_of_the_right_size_is_untouched() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert (Preprocess(32)(Image.fromarray(noise)) == noise).all()


def test_only_the_central_square_counts() -> None:
    wide = np.zeros((32, 96, 3), dtype=np.uint8)
    wide[:, 32:64] = 200
    assert (Preprocess(32)(Image.fromarray(wide)) == 200).all()
