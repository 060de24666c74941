"""Degradations: what happens to an image between its author and the detector, each by name and the same every time."""

import io
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

Degradation = Callable[[Image.Image], Image.Image]
"""From an RGB image of any size to an RGB image."""

LONGEST_JPEG_SIDE: Final = 65_500
"""The longest side in pixels that libjpeg encodes (its JPEG_MAX_DIMENSION)."""

_CROP: Final = 0.8
"""Side of what a crop leaves, from the middle, as a share."""
_NOISE: Final = 8.0
"""Standard deviation of the noise, in levels of 256: a photograph in poor light."""
_BLUR: Final = 0.02
"""Standard deviation of the blur as a share of the shorter side, at most _MOST_BLUR pixels."""
_MOST_BLUR: Final = 2.0
_BRIGHTNESS: Final = 1.3
_SCREEN_SCALE: Final = 0.9
_SCREEN_GAMMA: Final = 1.05
_SCREEN_SHARPNESS: Final = 50
"""Per cent of the unsharp mask."""


def recode(image: Image.Image, *, format_: str, quality: int, **options: object) -> Image.Image:
    """Encode an image with loss and decode it again; JPEG with 4:2:0 chroma, as Pillow and most senders write it.

    `options` are those of Pillow's encoder.
    """
    buffer = io.BytesIO()
    image.save(buffer, format_, quality=quality, **options)
    return Image.open(buffer, formats=(format_,)).convert("RGB")


def resize(image: Image.Image, *, factor: float) -> Image.Image:
    """Scale both sides by `factor`, to 1 pixel at least (bicubic, antialiased)."""
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def crop(image: Image.Image) -> Image.Image:
    """Cut the middle 80 % of both sides out."""
    width, height = (max(1, round(side * _CROP)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def blur(image: Image.Image) -> Image.Image:
    """Blur as a poor focus does: by 2 % of the shorter side, at most 2 pixels (standard deviation)."""
    return image.filter(ImageFilter.GaussianBlur(min(_MOST_BLUR, _BLUR * min(image.size))))


def add_noise(image: Image.Image) -> Image.Image:
    """Add independent Gaussian noise of 8 levels to each channel; its seed is the image's own pixels."""
    levels = np.asarray(image, dtype=np.float32)
    random = np.random.default_rng(zlib.crc32(image.tobytes()))
    noisy = levels + _NOISE * random.standard_normal(levels.shape, dtype=np.float32)
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def brighten(image: Image.Image) -> Image.Image:
    """Make every level 1.3 times as bright, clipped at white."""
    return ImageEnhance.Brightness(image).enhance(_BRIGHTNESS)


def to_greyscale(image: Image.Image) -> Image.Image:
    """Take the colour away (ITU-R 601 luma)."""
    return image.convert("L").convert("RGB")


def rerender(image: Image.Image) -> Image.Image:
    """Model a screenshot: a browser fits the image to its column, the screen shows it, a tool stores it without loss.

    Scaled by 0.9 (bilinear, as browsers do), a screen gamma 5 % off, and the light sharpening of the tools that take
    and share screenshots. The PNG in which it is kept loses nothing, so none is written here.
    """
    size = (max(1, round(image.width * _SCREEN_SCALE)), max(1, round(image.height * _SCREEN_SCALE)))
    shown = image.resize(size, Image.Resampling.BILINEAR)
    shown = shown.point([round(255 * (level / 255) ** _SCREEN_GAMMA) for level in range(256)] * 3)
    return shown.filter(ImageFilter.UnsharpMask(radius=1, percent=_SCREEN_SHARPNESS, threshold=0))


DEGRADATIONS: Final[Mapping[str, Degradation]] = MappingProxyType(
    {
        "jpeg-90": partial(recode, format_="JPEG", quality=90),
        "jpeg-75": partial(recode, format_="JPEG", quality=75),
        "jpeg-50": partial(recode, format_="JPEG", quality=50),
        "jpeg-30": partial(recode, format_="JPEG", quality=30),
        "webp-75": partial(recode, format_="WEBP", quality=75),
        "resize-0.5": partial(resize, factor=0.5),
        "resize-2": partial(resize, factor=2.0),
        "crop": crop,
        "blur": blur,
        "noise": add_noise,
        "brightness": brighten,
        "greyscale": to_greyscale,
        "screenshot": rerender,
    }
)
"""The battery: every degradation by its name in reports. Pure, and deterministic by image."""

RESHIPPED: Final = ("jpeg-75", "jpeg-50", "resize-0.5", "crop")
"""What a platform or a person does to a picture that is passed on. A verdict that survives all of it is stable."""
