"""Converts a decoded image of any mode to RGB, band by band."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
from PIL import Image

_BACKGROUND: Final = (255, 255, 255)

_BAND: Final = 2_000_000
"""Pixels of an image that are converted at once, at least one row."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a loaded image as RGB with 8 bits a channel, transparency laid on white."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _in_bands(image, partial(_from_deep, top=_brightest(image)))
    if image.has_transparency_data:
        return _in_bands(image, _lay_on_white)
    return image.convert("RGB")


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
    layered = band if band.mode == "RGBA" else band.convert("RGBA")
    background = Image.new("RGB", band.size, _BACKGROUND)
    background.paste(layered, mask=layered.getchannel("A"))
    return background


def _brightest(image: Image.Image) -> float:
    """Return the value of white in an image of more than 8 bits: 255 if no value is above 255, else 65,535."""
    return 65535.0 if max(np.asarray(band).max(initial=0) for band, _ in _bands(image)) > 255 else 255.0


def _from_deep(band: Image.Image, *, top: float) -> Image.Image:
    """Scale the levels 0 to `top` to 8 bits; Pillow's own conversion would clip everything above 255 to white."""
    levels = np.asarray(band).astype(np.float64).clip(0, top) * (255.0 / top)
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
