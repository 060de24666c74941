"""Named, deterministic degradations of an image, such as recompression, resizing and blur."""

import io
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

Degradation = Callable[[Image.Image], Image.Image]
"""Turns an RGB image of any size into an RGB image."""

LONGEST_JPEG_SIDE: Final = 65_500
"""The longest side in pixels that libjpeg encodes (its JPEG_MAX_DIMENSION)."""

_CROP: Final = 0.8
"""Share of each side that a crop keeps, around the centre."""
_NOISE: Final = 8.0
"""Standard deviation of the noise, in levels (0 to 255): about that of a photograph in poor light."""
_BLUR: Final = 0.02
"""Standard deviation of the blur as a share of the shorter side, at most _MOST_BLUR pixels."""
_MOST_BLUR: Final = 2.0
_BRIGHTNESS: Final = 1.3
_SCREEN_SCALE: Final = 0.9
_SCREEN_GAMMA: Final = 1.05
_SCREEN_SHARPNESS: Final = 50
"""Strength of the unsharp mask, in per cent."""


def recode(image: Image.Image, *, format_: str, quality: int, **options: object) -> Image.Image:
    """Encode an image with loss and decode it again; JPEG uses 4:2:0 chroma, Pillow's default.

    `options` are passed to Pillow's encoder.
    """
    buffer = io.BytesIO()
    image.save(buffer, format_, quality=quality, **options)
    return Image.open(buffer, formats=(format_,)).convert("RGB")


def resize(image: Image.Image, *, factor: float) -> Image.Image:
    """Scale both sides by `factor`, each to at least 1 pixel (bicubic, antialiased)."""
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def crop(image: Image.Image) -> Image.Image:
    """Keep the middle 80 % of both sides."""
    width, height = (max(1, round(side * _CROP)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def blur(image: Image.Image) -> Image.Image:
    """Blur with a Gaussian whose standard deviation is 2 % of the shorter side, at most 2 pixels."""
    return image.filter(ImageFilter.GaussianBlur(min(_MOST_BLUR, _BLUR * min(image.size))))


def add_noise(image: Image.Image) -> Image.Image:
    """Add independent Gaussian noise of 8 levels to each channel, seeded by the image's own pixels."""
    levels = np.asarray(image)
    random = np.random.default_rng(zlib.crc32(levels.tobytes()))
    noisy = random.standard_normal(levels.shape, dtype=np.float32)  # and in place: a copy may take a gigabyte
    noisy *= _NOISE
    noisy += levels
    noisy.round(out=noisy).clip(0, 255, out=noisy)
    return Image.fromarray(noisy.astype(np.uint8))


def brighten(image: Image.Image) -> Image.Image:
    """Make every level 1.3 times as bright, clipped at white."""
    return ImageEnhance.Brightness(image).enhance(_BRIGHTNESS)


def to_greyscale(image: Image.Image) -> Image.Image:
    """Take the colour away (ITU-R 601 luma)."""
    return image.convert("L").convert("RGB")


def rerender(image: Image.Image) -> Image.Image:
    """Simulate a screenshot of the image as a browser shows it.

    1. Scale by 0.9 (bilinear, as browsers do).
    2. Apply a screen gamma that is 5 % off.
    3. Sharpen lightly, as screenshot tools do.

    A screenshot is stored as PNG. PNG loses nothing, so none is written here.
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
"""Every degradation by its name in reports. All are pure functions: the same image gives the same result."""

RESHIPPED: Final = ("jpeg-75", "jpeg-50", "resize-0.5", "crop")
"""The degradations of a picture that people pass on. A verdict is stable if none of them changes it."""
