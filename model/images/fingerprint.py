"""Computes the hashes that identify an image (bytes, pixels, perceptual), and the facts of its file."""

import hashlib
import math
import operator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import SOURCE_LIMITS, Tables, load, open_image, read_tables
from model.images.frames import has_more_frames
from model.images.sketch import sketch

_WHITE: Final = 255
_SIDE: Final = 32
_FREQUENCIES: Final = 8
_COSINES: Final = 2 * np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE))
"""The rows of the DCT-II matrix with the lowest frequencies: [frequencies, pixels]."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Identity and facts of one file. A file that cannot be decoded has only `sha256`, `bytes` and `decode_error`.

    - `pixel_hash` is equal for images with the same upright RGB pixels.
    - `phash` is the 64-bit perceptual hash as a signed integer.
    - `sketch` recognises copies (`model.images.sketch.sketch`, as hexadecimal digits); it is empty for a flat picture.
    - `jpeg_quality` (1-100) is estimated from the luminance quantisation table.
    - `quantization` is the hash of all quantisation tables; it identifies the encoder.
    - `brightness` is the mean over the image, 0 to 1.
    - `border` is the standard deviation of the brightness along the outermost pixels; 0: a border of one colour.
    """

    sha256: str
    bytes: int
    pixel_hash: str | None = None
    phash: int | None = None
    sketch: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    mode: str | None = None
    jpeg_quality: int | None = None
    has_icc: bool | None = None
    has_exif: bool | None = None
    quantization: str | None = None
    animated: bool | None = None
    brightness: float | None = None
    border: float | None = None
    decode_error: str | None = None


def fingerprint(data: bytes) -> Fingerprint:
    """Fingerprint a file. For a bad image `decode_error` says why; nothing is raised. Raises MemoryError."""
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        header = open_image(data, limits=SOURCE_LIMITS)
        # Read before the pixels: decoding can change what Pillow knows about the file.
        has_icc, has_exif = "icc_profile" in header.info, "exif" in header.info
        tables = read_tables(header)
        animated = has_more_frames(header, data)
        image = load(header)
    except InvalidImage as error:
        return Fingerprint(sha256=sha256, bytes=len(data), decode_error=f"{error.reason}: {error}")
    del header  # and the decoder with it
    grey = image.rgb.convert("L")
    levels = grey.tobytes()
    return Fingerprint(
        sha256=sha256,
        bytes=len(data),
        pixel_hash=pixel_hash(image.rgb),
        phash=perceptual_hash(grey),
        sketch=sketch(grey).hex(),
        width=image.width,
        height=image.height,
        format=image.format,
        mode=image.mode,
        jpeg_quality=image.jpeg_quality,
        has_icc=has_icc,
        has_exif=has_exif,
        quantization=_quantization(tables),
        animated=animated,
        brightness=float(np.frombuffer(levels, np.uint8).sum() / len(levels) / _WHITE),
        border=_deviation(_outermost(levels, grey.width)) / _WHITE,
    )


def pixel_hash(rgb: Image.Image) -> str:
    """Hash the pixels and the shape of an RGB image: 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode())
    digest.update(rgb.tobytes())
    return digest.hexdigest()


def perceptual_hash(grey: Image.Image) -> int:
    """Return the 64-bit DCT hash of a greyscale image as a signed integer; similar pictures differ in few bits.

    A picture with details has 32 bits set. A plain colour or stripes have fewer.

    Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    levels = np.frombuffer(_shrunk(grey).tobytes(), np.uint8)
    small = levels.astype(np.float64).reshape(_SIDE, _SIDE)
    # Rounded, so that zeros are exact: rounding errors would make plain colours look like pictures.
    low: list[float] = (_COSINES @ small @ _COSINES.T).round(6).ravel().tolist()
    # In Python: for 64 numbers, NumPy's functions take three times as long.
    limit = sum(sorted(low)[len(low) // 2 - 1 : len(low) // 2 + 1]) / 2
    bits = "".join(["01"[value > limit] for value in low])
    return int(bits, 2) - (int(bits[0]) << len(bits))


def _shrunk(grey: Image.Image) -> Image.Image:
    size = (_SIDE, _SIDE)
    return grey if grey.size == size else grey.resize(size, Image.Resampling.LANCZOS)


@lru_cache(maxsize=1024)
def _quantization(tables: Tables) -> str | None:
    as_lists = [(number, list(table)) for number, table in sorted(tables)]
    return hashlib.sha256(repr(as_lists).encode()).hexdigest()[:16] if tables else None


def _outermost(grey: bytes, width: int) -> bytes:
    """Return the levels along the four sides; a corner counts once for its row."""
    sides = grey[width:-width]
    return grey[:width] + grey[-width:] + sides[::width] + sides[width - 1 :: width]


def _deviation(levels: bytes) -> float:
    """Return the standard deviation; calling NumPy's `std` takes longer than decoding a small picture."""
    total = sum(levels)
    return math.sqrt(len(levels) * sum(map(operator.mul, levels, levels)) - total * total) / len(levels)
