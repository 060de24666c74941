"""Converts a decoded image of any mode to RGB, band by band."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import InvalidImage

_BACKGROUND: Final = (255, 255, 255)

_BAND: Final = 2_000_000
"""Pixels of an image that are converted at once, at least one row."""

_BLACK_OR_DEEP: Final = 4_096
"""Levels below this one in all of an image are 12 bits or fewer stored in 16, or an image that is nearly black."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a loaded image as RGB with 8 bits a channel, transparency laid on white.

    Raises InvalidImage for levels of which nothing says which one is white.
    """
    if image.mode.startswith("I;16"):
        _check_white(image)
        return _in_bands(image, partial(_from_deep, transparent=image.info.get("transparency")))
    if image.mode in {"I", "F"}:
        raise _without_white("levels of 32 bits")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    transparent = image.info.get("transparency")
    if image.mode in {"1", "L", "RGB"}:
        return _in_bands(image, partial(_lay_colour_on_white, transparent=transparent))
    return _in_bands(image, _lay_on_white)


def _without_white(what: str) -> InvalidImage:
    return InvalidImage(
        "format_not_allowed", f"the image has {what}, and nothing says which is white: save it with 8 bits a channel"
    )


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert a band at a time: a whole image could take more memory than a worker may have."""
    rgb = Image.new("RGB", image.size)
    for band, top in _bands(image):
        rgb.paste(convert(band), (0, top))
    return rgb


def _bands(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height))), top


def _lay_on_white(band: Image.Image) -> Image.Image:
    if band.mode == "La":  # premultiplied; Pillow converts it to LA only
        band = band.convert("LA")
    layered = band if band.mode == "RGBA" else band.convert("RGBA")
    background = Image.new("RGB", band.size, _BACKGROUND)
    background.paste(layered, mask=layered.getchannel("A"))
    return background


def _lay_colour_on_white(band: Image.Image, *, transparent: object) -> Image.Image:
    """Replace the one colour that is transparent, a grey level or a tuple, by white."""
    colour = (transparent,) * 3 if isinstance(transparent, int) else transparent
    levels = np.array(band.convert("RGB"))
    levels[(levels == np.array(colour)).all(axis=2)] = _BACKGROUND
    return Image.fromarray(levels)


def _check_white(image: Image.Image) -> None:
    brightest = max(int(_levels(band).max(initial=0)) for band, _ in _bands(image))
    if 0 < brightest < _BLACK_OR_DEEP:
        raise _without_white(f"levels of 16 bits, the brightest of them {brightest:,} of 65,535")


def _levels(band: Image.Image) -> NDArray[np.uint16]:
    return np.asarray(band).astype(np.uint16)


def _from_deep(band: Image.Image, *, transparent: object) -> Image.Image:
    """Scale 16 bits to 8; Pillow's own conversion would clip everything above 255 to white."""
    levels = _levels(band)
    grey = (levels // 257).astype(np.uint8)
    if isinstance(transparent, int):
        grey[levels == transparent] = _BACKGROUND[0]
    return Image.fromarray(grey).convert("RGB")
