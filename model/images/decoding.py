"""Decodes the bytes of an image file into an upright RGB image, or raises InvalidImage."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from model.errors import InvalidImage
from model.images.colours import to_rgb
from model.images.formats import open_picture, refuse_unrecognised, stored_format
from model.images.orientation import find_orientation, turn_upright
from model.images.structure import HARMLESS_PIXELS, check_structure

REASONS: Final = (
    "empty",
    "too_many_bytes",
    "not_an_image",
    "format_not_allowed",
    "too_many_pixels",
    "too_many_scans",
    "broken",
)
"""Why an image can be refused: the closed set of `InvalidImage.reason`."""

_RUN_LENGTHS: Final = (1, 2)
"""The BMP compressions (run-length encoding) that Pillow decodes slowly: in Python, pixel by pixel."""

_LUMINANCE_TABLE: Final = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
    51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
    120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""The luminance quantisation table of JPEG (ITU-T T.81, Annex K.1), which libjpeg scales by its quality setting."""

_LONGEST_SIDE: Final = 1_000_000
"""Most pixels of a side. Each row has a cost of its own: an image of 1 x 49,000,000 pixels took eight seconds."""
_SIDEWAYS, _RIGHT_TO_LEFT, _BOTTOM_TO_TOP = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
"""The EXIF orientations that exchange width and height, and those that bring the last column or row to the front."""

Tables = tuple[tuple[int, tuple[int, ...]], ...]
"""The quantisation tables of a JPEG, each with its number."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The largest image accepted: file size in bytes, and pixels after decoding.

    `max_pixels_per_byte` limits images of more than HARMLESS_PIXELS. It stops tiny files that announce huge images: 40
    bytes of WebP can announce 50 megapixels of one colour. Usual values are 3 for photographs and 300 for screenshots
    and scanned pages. A page that is blank except for one line has 950.
    """

    max_bytes: int = 15_000_000
    max_pixels: int = 50_000_000
    max_pixels_per_byte: int = 1_000


SOURCE_LIMITS: Final = Limits(max_bytes=50_000_000, max_pixels=89_000_000)
"""Limits for images of a source, which may be larger than uploads.

Above `max_pixels` Pillow itself would warn of a decompression bomb."""


@dataclass(frozen=True)
class DecodedImage:
    """An image ready to look at, with facts about its file.

    `rgb` is upright (EXIF orientation applied), transparency laid on white, 8 bits a channel. Only the first frame of
    an animation is kept. If a `least_side` was given, `rgb` may be smaller than the picture.

    `box` (left, top, right, bottom) is where the picture lies in `rgb`: a last column or row may count in part only.
    `format` and `mode` are those of the file. `width` and `height` are those of the whole picture. `jpeg_quality` is
    libjpeg's quality setting (1-100), estimated from the quantisation table; None if the file is no JPEG.
    """

    rgb: Image.Image
    box: tuple[float, float, float, float]
    format: str
    mode: str
    width: int
    height: int
    jpeg_quality: int | None


def decode(data: bytes, *, limits: Limits = Limits(), least_side: int | None = None) -> DecodedImage:
    """Decode `data` as `load` does; raises InvalidImage with one of REASONS and a message for the sender."""
    return load(open_image(data, limits=limits), least_side=least_side)


def load(image: Image.Image, *, least_side: int | None = None) -> DecodedImage:
    """Decode the pixels of an image that `open_image` returned. Do not use `image` afterwards. Raises InvalidImage.

    With `least_side` a JPEG is decoded at the smallest of the scales 1, 1/2, 1/4 and 1/8 whose shorter side still has
    so many pixels. That takes a fraction of the time and memory. Other formats are always decoded whole.
    """
    # Read before the pixels: decoding can change what Pillow knows about the file.
    format_, mode = stored_format(image), image.mode
    quality = _estimate_quality(read_tables(image))
    size = image.size
    try:
        scale = 1.0 if least_side is None else _shrink(image, least_side)
        image.load()
        orientation = find_orientation(image)
        rgb = to_rgb(turn_upright(image, orientation))
    except (MemoryError, InvalidImage):  # a lack of memory says nothing about the file
        raise
    except Exception as error:  # Pillow raises many kinds of errors on hostile bytes; all mean: broken
        raise InvalidImage("broken", f"the {format_} file is damaged or cut off: {error}") from error
    width, height = rgb.size if scale == 1 else size[::-1] if orientation in _SIDEWAYS else size
    left = rgb.width - width / scale if orientation in _RIGHT_TO_LEFT else 0.0
    top = rgb.height - height / scale if orientation in _BOTTOM_TO_TOP else 0.0
    box = (left, top, left + width / scale, top + height / scale)
    return DecodedImage(rgb, box, format_, mode, width, height, quality)


def open_image(data: bytes, *, limits: Limits = Limits()) -> Image.Image:
    """Read the header only and check it against `limits`; the pixels are not decoded yet. Raises InvalidImage."""
    if not data:
        raise InvalidImage("empty", "the file is empty")
    if len(data) > limits.max_bytes:
        raise InvalidImage(
            "too_many_bytes", f"the file has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted"
        )
    check_structure(data)
    try:
        image = open_picture(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(str(error), limits) from error
    except (MemoryError, InvalidImage):
        raise
    except Exception as error:  # see load()
        raise refuse_unrecognised(data) from error
    if image.width * image.height > limits.max_pixels:
        raise _too_many_pixels(f"the image has {image.width} x {image.height} pixels", limits)
    _check_effort(image, data, limits)
    return image


def read_tables(header: Image.Image) -> Tables:
    """Return the quantisation tables of an image that `open_image` returned; empty if it is no JPEG."""
    return tuple((number, tuple(table)) for number, table in getattr(header, "quantization", {}).items())


def _check_effort(image: Image.Image, data: bytes, limits: Limits) -> None:
    """Refuse files that take far more time to decode than other files of the same size."""
    if image.width * image.height > max(HARMLESS_PIXELS, limits.max_pixels_per_byte * len(data)):
        raise InvalidImage(
            "too_many_pixels",
            f"the image has {image.width} x {image.height} pixels in {len(data):,} bytes; above "
            f"{HARMLESS_PIXELS:,} pixels at most {limits.max_pixels_per_byte:,} pixels a byte are accepted, and only "
            "a nearly empty image has more: crop the image, or make it smaller",
        )
    if max(image.size) > _LONGEST_SIDE:
        raise InvalidImage(
            "too_many_pixels",
            f"the image has {image.width} x {image.height} pixels; at most {_LONGEST_SIDE:,} on a side are accepted",
        )
    if image.format == "BMP" and image.info.get("compression") in _RUN_LENGTHS:
        raise InvalidImage("format_not_allowed", "compressed BMP files are not accepted; save the image as PNG")


def _shrink(image: Image.Image, least_side: int) -> float:
    """Have an image decoded at a smaller scale; return how many times smaller each side becomes, 1 if none does."""
    width = image.width
    drafted = image.draft(None, (least_side, least_side))  # None: the format has no scales
    return width / drafted[1][2] if drafted else 1.0


def _too_many_pixels(what: str, limits: Limits) -> InvalidImage:
    return InvalidImage("too_many_pixels", f"{what}; at most {limits.max_pixels:,} pixels are accepted")


@lru_cache(maxsize=1024)
def _estimate_quality(tables: Tables) -> int | None:
    """Estimate libjpeg's quality setting by undoing its scaling of the luminance table."""
    luminance = dict(tables).get(0)
    if luminance is None:
        return None
    # Pillow hands tables out in row order; the sum is the same in any order.
    scale = 100.0 * sum(luminance) / sum(_LUMINANCE_TABLE)
    quality = (200.0 - scale) / 2.0 if scale <= 100.0 else 5000.0 / scale
    return int(np.clip(round(quality), 1, 100))
