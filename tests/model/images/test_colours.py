"""Transparency in every mode, and levels of more than 8 bits."""

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidImage
from model.images.colours import to_rgb
from model.images.decoding import decode
from truegrain_rig.hostile_files import encode

GREY = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image)


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
def test_transparency_of_a_channel_is_laid_on_white_in_every_mode(mode: str) -> None:
    layered = Image.merge("LA", (Image.fromarray(GREY), Image.new("L", (8, 8), 128)))
    if mode == "PA":  # Pillow's conversion to PA loses the transparency
        image = layered.convert("P")
        image.putalpha(128)
    else:
        image = (layered.convert("RGBA") if mode == "RGBa" else layered).convert(mode)
    assert image.mode == mode
    expected = GREY * (128 / 255) + 255 * (127 / 255)
    assert np.abs(levels(to_rgb(image)).mean(axis=2) - expected).max() < 3


@pytest.mark.parametrize("transparent", [0, b"\0\xff", b"\0"])
def test_transparency_of_a_palette_is_laid_on_white(transparent: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1]] * 2, dtype=np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.info["transparency"] = transparent
    assert levels(to_rgb(image)).tolist() == [[[255] * 3, [40, 50, 60]]] * 2


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_is_laid_on_white(mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    image.info["transparency"] = 8 if mode == "L" else (8, 8, 8)
    expected = np.where(GREY == 8, 255, GREY)
    assert (levels(to_rgb(image)) == expected[..., np.newaxis]).all()


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_are_the_same_picture_as_eight(format_: str) -> None:
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert (levels(decode(encode(deep, format_)).rgb) == GREY[..., np.newaxis]).all()


def test_black_of_sixteen_bits_is_black() -> None:
    assert (levels(decode(encode(Image.fromarray(np.zeros((8, 8), dtype=np.uint16)), "PNG")).rgb) == 0).all()


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_fewer_bits_in_sixteen_are_refused_because_white_is_not_known(format_: str, bits: int) -> None:
    levels = (GREY.astype(np.uint16) << 8) >> (16 - bits)
    with pytest.raises(InvalidImage, match="nothing says which is white") as error:
        decode(encode(Image.fromarray(levels), format_))
    assert error.value.reason == "format_not_allowed"


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_levels_of_32_bits_are_refused(kind: type) -> None:
    with pytest.raises(InvalidImage, match="levels of 32 bits") as error:
        decode(encode(Image.fromarray(GREY.astype(kind)), "TIFF"))
    assert error.value.reason == "format_not_allowed"
