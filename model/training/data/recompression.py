"""Rescales, blurs and recompresses training images as platforms do, with Pillow, one image at a time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model.images.degradations import recode
from model.training.config import Augmentation
from model.training.data.draws import Luck, Of, between

_CROP: Final = (0.7, 1.0)
"""Range of the side of a cut-out, as a share of the image's side."""
_RESIZE: Final = (0.5, 0.95)
"""Range of the smaller side in between, as a share of the side."""
_FILTERS: Final = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
_BLUR: Final = (0.2, 1.2)
"""Range of the standard deviation of the blur, in pixels."""
_QUALITY: Final = (30.0, 95.0)
_CHROMA: Final = ("4:4:4", "4:2:0")


def ship(pixels: NDArray[np.uint8], luck: Luck, chances: Augmentation) -> NDArray[np.uint8]:
    """Rescale, blur and recompress the images of `pixels` [N, S, S, 3] that `luck` picks, in place; return `pixels`."""
    wanted = np.stack(
        [
            luck[:, Of.RESIZE] < chances.resize,
            luck[:, Of.BLUR] < chances.blur,
            luck[:, Of.JPEG] < chances.jpeg,
            luck[:, Of.WEBP] < chances.webp,
        ],
        axis=1,
    )
    for index in np.flatnonzero(wanted.any(1)):
        image = Image.fromarray(pixels[index])
        for step, chosen in zip((_rescale, _blur, _as_jpeg, _as_webp), wanted[index].tolist(), strict=True):
            image = step(image, luck[index]) if chosen else image
        pixels[index] = np.asarray(image)
    return pixels


def cut_out(pixels: NDArray[np.uint8], luck: Luck) -> NDArray[np.uint8]:
    """Enlarge a random square of an image [S, S, 3] to its whole size."""
    size = pixels.shape[0]
    side = float(between(*_CROP, luck[Of.CROP_SIDE])) * size
    top, left = (float(luck[of]) * (size - side) for of in (Of.CROP_TOP, Of.CROP_LEFT))
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC, box=box))


def _rescale(image: Image.Image, luck: Luck) -> Image.Image:
    side = max(1, round(image.width * float(between(*_RESIZE, luck[Of.RESIZE_SIDE]))))
    down = _FILTERS[int(luck[Of.RESIZE_FILTER] * len(_FILTERS))]
    return image.resize((side, side), down).resize(image.size, Image.Resampling.BICUBIC)


def _blur(image: Image.Image, luck: Luck) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(float(between(*_BLUR, luck[Of.BLUR_RADIUS]))))


def _as_jpeg(image: Image.Image, luck: Luck) -> Image.Image:
    subsampling = _CHROMA[int(luck[Of.JPEG_SUBSAMPLING] * len(_CHROMA))]
    return recode(image, format_="JPEG", quality=_quality(luck[Of.JPEG_QUALITY]), subsampling=subsampling)


def _as_webp(image: Image.Image, luck: Luck) -> Image.Image:
    quick = 0  # the fastest of WebP's methods; the other methods take several times as long
    return recode(image, format_="WEBP", quality=_quality(luck[Of.WEBP_QUALITY]), method=quick)


def _quality(luck: Luck) -> int:
    return round(float(between(*_QUALITY, luck)))
