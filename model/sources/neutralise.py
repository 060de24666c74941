"""An image as a file that says nothing of its class: what encoder, profile and name would tell is gone."""

import hashlib
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageCms

from model.errors import InvalidImage
from model.images.decoding import SOURCE_LIMITS, decode, open_image
from model.images.degradations import LONGEST_JPEG_SIDE
from model.images.fingerprint import pixel_hash
from model.sources.labelled_image import LabelledImage

if TYPE_CHECKING:
    import pandas as pd

QUALITIES: Final = range(60, 86)
"""JPEG qualities that are drawn from. Cameras, shops and generators mostly save finer (90 and more)."""

SCALES: Final = (0.7, 0.95)
"""The least and the most that the sides of an image may shrink to."""

_NAME_DIGITS: Final = 16
_NEUTRALISED: Final = rf"^(.+)/[0-9a-f]{{{_NAME_DIGITS}}}\.jpg$"
_SUBSAMPLING: Final = "4:2:0"


def neutralise(image: LabelledImage) -> LabelledImage:
    """Return the image as a JPEG without metadata, in sRGB, whose encoding depends on its pixels alone.

    Both classes get the same mix of QUALITIES and SCALES and one subsampling. A second JPEG on the grid of the first
    keeps the first one's steps and block edges for whoever looks; resampled in between, there is no such grid any more,
    and coarser than most first compressions, the second hides what they spared. What a coarse first one has taken away
    is not brought back. The name says nothing either, and is traced by the path:
    '<origin>/<hash of the new bytes>.jpg'.

    Deterministic. An image that cannot be decoded, or not be a JPEG, comes back as it is, for validation to refuse.
    """
    try:
        rgb = decode(image.data, limits=SOURCE_LIMITS).rgb
    except InvalidImage:
        return image
    if max(rgb.size) > LONGEST_JPEG_SIDE:
        return image
    data = _encode(_in_srgb(rgb, open_image(image.data, limits=SOURCE_LIMITS)))
    return replace(image, data=data, origin=f"{image.origin}/{hashlib.sha256(data).hexdigest()[:_NAME_DIGITS]}.jpg")


def former_origins(origins: "pd.Series") -> "pd.Series":
    """Return where neutralised images were before, by their `origins`; none for images that are as they came."""
    return origins.str.extract(_NEUTRALISED, expand=False)


def former_origin(origin: str) -> str | None:
    """Return where a neutralised image was before; None for one that is as it came."""
    found = re.search(_NEUTRALISED, origin)
    return found and found[1]


def _encode(rgb: Image.Image) -> bytes:
    drawn = pixel_hash(rgb)
    quality = QUALITIES[int(drawn[:8], 16) % len(QUALITIES)]
    least, most = SCALES
    scale = least + (most - least) * int(drawn[8:16], 16) / 0xFFFFFFFF
    width, height = (max(round(side * scale), 1) for side in rgb.size)
    smaller = rgb.resize((width, height), Image.Resampling.LANCZOS)
    smaller.info.clear()  # Pillow would carry a comment over
    buffer = io.BytesIO()
    smaller.save(buffer, "JPEG", quality=quality, subsampling=_SUBSAMPLING)
    return buffer.getvalue()


def _in_srgb(rgb: Image.Image, header: Image.Image) -> Image.Image:
    """Convert from the profile that the file embeds; one that is damaged or not for RGB is not followed."""
    embedded = header.info.get("icc_profile")
    if not embedded or header.mode not in ("RGB", "RGBA", "P"):
        return rgb
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        if profile.profile.xcolor_space.strip() != "RGB":
            return rgb
        converted = ImageCms.profileToProfile(rgb, profile, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return rgb
    return converted or rgb
