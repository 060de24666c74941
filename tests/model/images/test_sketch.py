"""Copies of a picture have nearly the same sketch; other pictures have not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from model.images.sketch import VIEW_BYTES, mirrored, sketch, unpack


def picture(seed: int, size: tuple[int, int] = (300, 200)) -> Image.Image:
    """Noise of every scale, stronger where it is coarser, as in photographs."""
    rng, levels = np.random.default_rng(seed), np.zeros((size[1], size[0]))
    for side in (4, 8, 16, 32, 64):
        noise = Image.fromarray(rng.normal(size=(side, side)).astype(np.float32))
        levels += np.asarray(noise.resize(size, Image.Resampling.BICUBIC)) / side**0.5
    return Image.fromarray(np.clip(128 + 60 * levels, 0, 255).astype(np.uint8))


def inset(image: Image.Image, share: float) -> Image.Image:
    return ImageOps.crop(image, (*2 * [round(share * side) for side in image.size],))  # type: ignore[arg-type]


def distances(one: Image.Image, other: Image.Image) -> NDArray[np.int64]:
    """The differing bits of each view of one picture and each view of the other."""
    here, there = (unpack(sketch(image)) for image in (one, other))
    return np.bitwise_count(here[:, None] ^ there).sum(axis=2)


@pytest.mark.parametrize("size", [(32, 32), (100, 80), (700, 500)])
def test_a_picture_and_its_half_differ_in_few_bits_and_two_pictures_in_about_half(size: tuple[int, int]) -> None:
    image = picture(1, size)
    half = image.resize((size[0] // 2, size[1] // 2), Image.Resampling.BICUBIC)
    assert distances(image, half)[0, 0] <= 25
    assert distances(image, picture(2, size)).min() > 80


@pytest.mark.parametrize(("share", "view"), [(0.025, 1), (0.05, 2)])
def test_a_crop_is_one_of_the_views(share: float, view: int) -> None:
    found = distances(picture(1), inset(picture(1), share))
    assert found[view, 0] <= 12
    assert found[0, 0] > 2 * found[view, 0]


@pytest.mark.parametrize("colour", [0, 128, 255])
@pytest.mark.parametrize("border", [8, (0, 30), (40, 0, 0, 20)])
def test_a_border_leaves_the_view_without_it(colour: int, border: int | tuple[int, ...]) -> None:
    framed = ImageOps.expand(picture(1), border, colour)  # type: ignore[arg-type]  # its stub lacks pairs
    assert distances(picture(1), framed)[0, -1] <= 25
    assert (len(sketch(framed)), len(sketch(picture(1)))) == (4 * VIEW_BYTES, 3 * VIEW_BYTES)


def test_a_line_of_another_colour_is_a_border_on_one_side_and_a_thing_in_the_middle_is_none() -> None:
    around = ImageOps.expand(picture(1, (60, 60)), 4, 255)
    around.putpixel((0, 30), 0)
    assert len(sketch(around)) == 4 * VIEW_BYTES
    small = ImageOps.expand(picture(1, (6, 60)), 30, 255)
    assert len(sketch(small)) == 3 * VIEW_BYTES


def test_the_mirrored_picture_has_the_mirrored_bits() -> None:
    image = picture(3, (64, 64))
    assert np.bitwise_count(mirrored(unpack(sketch(image))) ^ unpack(sketch(ImageOps.mirror(image)))).sum() <= 3
    assert distances(image, ImageOps.mirror(image)).min() > 80


def test_the_bits_are_the_signs_of_the_cosine_transform_with_the_coarse_ones_first() -> None:
    image = picture(4, (32, 32))
    levels, place = np.asarray(image, dtype=np.float64), np.arange(32)
    cosines = np.cos(np.pi * np.arange(16)[:, None] * (2 * place + 1) / 64)
    signs = cosines @ levels @ cosines.T > 0
    signs[0, 0] = False
    coarse = np.packbits(signs[:8, :8]).view(">u8")[0]
    assert unpack(sketch(image))[0, 0] == coarse
    assert np.bitwise_count(unpack(sketch(image))[0]).sum() == signs.sum()


@pytest.mark.parametrize("noise", [0, 0.5])
def test_a_plain_colour_and_a_clear_sky_have_no_sketch(noise: float) -> None:
    rng, size = np.random.default_rng(0), (120, 160)
    plain = np.full(size, 77) + rng.normal(0, noise, size)
    sky = np.linspace(120, 220, 120)[:, None] + rng.normal(0, noise, size)
    assert [sketch(Image.fromarray(levels.round().astype(np.uint8))) for levels in (plain, sky)] == [b"", b""]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 2), (16, 16)])
def test_any_size_has_a_sketch_or_is_flat(size: tuple[int, int]) -> None:
    assert len(sketch(picture(1, size))) % VIEW_BYTES == 0
