"""Decodes the bytes of an image file into an upright RGB image, or raises InvalidImage."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from model.errors import InvalidImage
from model.images.colours import to_rgb
from model.images.structure import HARMLESS_PIXELS, PiecewiseFile, check_exif, check_structure

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""The formats that are decoded. Pillow knows about forty more; each would be one more decoder for an attacker."""

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

_KNOWN_BUT_REFUSED: Final = {
    b"ftypheic": "HEIC",
    b"ftypmif1": "HEIF",
    b"ftypavif": "AVIF",
    b"<svg": "SVG",
    b"%PDF": "PDF",
    b"8BPS": "Photoshop",
}
"""Signatures of refused formats that people often send. They make the message better.

The bytes are searched for the signatures; no other decoder is opened."""

_CONTAINED: Final = {"MPO": "JPEG"}
"""Pillow's names for containers, and the format of the picture that is decoded.

MPO is a JPEG file with more pictures behind the first, as telephones write it."""

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
_RAW_EXIF: Final = "Raw profile type exif"
"""The text of a PNG in which some programs write Exif, after three lines."""

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
    an animation is kept. `format` and `mode` are those of the file; `width` and `height` those of `rgb`. `jpeg_quality`
    is libjpeg's quality setting (1-100), estimated from the quantisation table; None if the file is no JPEG.
    """

    rgb: Image.Image
    format: str
    mode: str
    width: int
    height: int
    jpeg_quality: int | None


def decode(data: bytes, *, limits: Limits = Limits()) -> DecodedImage:
    """Decode `data` completely; raises InvalidImage with one of REASONS and a message for the sender."""
    return load(open_image(data, limits=limits))


def load(image: Image.Image) -> DecodedImage:
    """Decode the pixels of an image that `open_image` returned. Do not use `image` afterwards. Raises InvalidImage."""
    # Read before the pixels: decoding can change what Pillow knows about the file.
    stored_format, mode = _CONTAINED.get(str(image.format), str(image.format)), image.mode
    quality = _estimate_quality(read_tables(image))
    try:
        image.load()
        _turn_upright(image)
        rgb = to_rgb(image)
    except (MemoryError, InvalidImage):  # a lack of memory says nothing about the file
        raise
    except Exception as error:  # Pillow raises many kinds of errors on hostile bytes; all mean: broken
        raise InvalidImage("broken", f"the {stored_format} file is damaged or cut off: {error}") from error
    return DecodedImage(rgb, stored_format, mode, rgb.width, rgb.height, quality)


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
        image = Image.open(PiecewiseFile(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(str(error), limits) from error
    except (MemoryError, InvalidImage):
        raise
    except Exception as error:  # see load()
        raise _unrecognised(data) from error
    if image.width * image.height > limits.max_pixels:
        raise _too_many_pixels(f"the image has {image.width} x {image.height} pixels", limits)
    _check_effort(image, data, limits)
    _check_exif(image)
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


def _check_exif(image: Image.Image) -> None:
    """Check the Exif that Pillow found so far, as Pillow would look for it."""
    found = image.info.get("exif")
    if found is None and isinstance(text := image.info.get(_RAW_EXIF), str):
        with suppress(ValueError):  # then it is none
            found = bytes.fromhex("".join(text.split("\n")[3:]))
    if isinstance(found, bytes):
        check_exif(found)


def _turn_upright(image: Image.Image) -> None:
    """Apply the EXIF orientation, without writing the EXIF anew, which can take seconds and which nobody reads."""
    _check_exif(image)  # that of a PNG may lie behind the pixels
    image.getexif()
    for name in ("exif", _RAW_EXIF):
        image.info.pop(name, None)
    ImageOps.exif_transpose(image, in_place=True)


def _too_many_pixels(what: str, limits: Limits) -> InvalidImage:
    return InvalidImage("too_many_pixels", f"{what}; at most {limits.max_pixels:,} pixels are accepted")


def _unrecognised(data: bytes) -> InvalidImage:
    accepted = f"accepted are {', '.join(FORMATS)}"
    for signature, name in _KNOWN_BUT_REFUSED.items():
        if signature in data[:64]:
            return InvalidImage("format_not_allowed", f"{name} files are not accepted; {accepted}")
    return InvalidImage("not_an_image", f"the file is not an image that can be read; {accepted}")


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
