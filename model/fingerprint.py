"""What identifies an image: the hash of its bytes, of its pixels, a perceptual hash; and the facts of its file."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from model.errors import InvalidImage
from model.images import FORMATS, SOURCE_LIMITS, decode

_LUMINANCE_TABLE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
    51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
    120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""The luminance quantisation table of JPEG (ITU-T T.81, Annex K.1), which libjpeg scales by its quality setting."""

_WHITE = 255


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Identity and facts of one file. Of a file that cannot be decoded only `sha256`, `bytes` and `decode_error` stand.

    `pixel_hash` is equal for images with the same upright RGB pixels; `phash` are the 64 bits of the perceptual hash as
    a signed integer; `jpeg_quality` (1-100) is estimated from the quantisation table, `quantization` is the hash of all
    of them: an encoder's signature. `brightness` is the mean over the image, 0 to 1, and `border` the standard
    deviation of the brightness along its outermost pixels: 0 says that it is framed in one colour.
    """

    sha256: str
    bytes: int
    pixel_hash: str | None = None
    phash: int | None = None
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
    """Fingerprint a file; never raises for a bad image, `decode_error` then says why."""
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        image = decode(data, limits=SOURCE_LIMITS)
    except InvalidImage as error:
        return Fingerprint(sha256=sha256, bytes=len(data), decode_error=f"{error.reason}: {error}")
    header = Image.open(io.BytesIO(data), formats=FORMATS)
    grey = np.asarray(image.rgb.convert("L"))
    return Fingerprint(
        sha256=sha256,
        bytes=len(data),
        pixel_hash=pixel_hash(image.rgb),
        phash=perceptual_hash(image.rgb),
        width=image.width,
        height=image.height,
        format=image.format,
        mode=image.mode,
        jpeg_quality=_jpeg_quality(header),
        has_icc="icc_profile" in header.info,
        has_exif="exif" in header.info,
        quantization=_quantization(header),
        animated=image.format != "JPEG" and _has_more_frames(header),
        brightness=float(grey.mean() / _WHITE),
        border=float(_outermost(grey).std() / _WHITE),
    )


def pixel_hash(rgb: Image.Image) -> str:
    """Hash the pixels and the shape of an RGB image: 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode())
    digest.update(rgb.tobytes())
    return digest.hexdigest()


def perceptual_hash(rgb: Image.Image) -> int:
    """Return the 64-bit DCT hash of an RGB image as a signed integer; similar pictures differ in few bits.

    A picture with something to see has 32 bits set; one with less, such as a plain colour or stripes, has fewer.

    Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    small = np.asarray(rgb.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    # Rounded, so that what is zero is zero: the noise of the arithmetic would make plain colours look like pictures.
    low: NDArray[np.float64] = dctn(small)[:8, :8].round(6)
    bits = (low > np.median(low)).ravel()
    return int(np.packbits(bits).view(">i8")[0])


def _quantization(image: Image.Image) -> str | None:
    tables: dict[int, list[int]] | None = getattr(image, "quantization", None)
    return hashlib.sha256(repr(sorted(tables.items())).encode()).hexdigest()[:16] if tables else None


def _has_more_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow looks at the second frame to answer; whatever it stumbles over is there
        return True


def _outermost(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def _jpeg_quality(image: Image.Image) -> int | None:
    """Estimate libjpeg's quality setting by undoing its scaling of the luminance table."""
    tables: dict[int, list[int]] = getattr(image, "quantization", None) or {}
    if 0 not in tables:
        return None
    # Pillow hands tables out in row order; the sum is the same in any order.
    scale = 100.0 * sum(tables[0]) / sum(_LUMINANCE_TABLE)
    quality = (200.0 - scale) / 2.0 if scale <= 100.0 else 5000.0 / scale
    return int(np.clip(round(quality), 1, 100))
