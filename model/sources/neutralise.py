"""Re-encodes an image so that its encoder, colour profile and file name no longer reveal its class."""

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
"""JPEG qualities to draw from. Cameras, shops and generators mostly save at higher quality (90 and more)."""

SCALES: Final = (0.7, 0.95)
"""The smallest and the largest factor by which the sides of an image shrink."""

_NAME_DIGITS: Final = 16
_LIKELY: Final = re.compile(rf"/[0-9a-f]{{{_NAME_DIGITS}}}\.jpg\Z")
_KEPT_APART: Final = "#"
_SUBSAMPLING: Final = "4:2:0"


def neutralise(image: LabelledImage) -> LabelledImage:
    """Return the image as a JPEG without metadata, in sRGB, whose encoding depends on its pixels alone.

    Both classes get the same mix of QUALITIES and SCALES and the same chroma subsampling. Re-encoding on the same 8 x 8
    grid leaves traces of the first encoder. Resizing first destroys the grid; a lower quality hides what is left.
    Detail that a coarse first compression has removed does not come back. The new name says nothing of the class, and
    its path leads back to the original: '<origin>/<hash of the new bytes>.jpg'.

    Deterministic. An image that cannot be decoded, or is too large for a JPEG, is returned unchanged, for validation to
    refuse.
    """
    try:
        rgb = decode(image.data, limits=SOURCE_LIMITS).rgb
    except InvalidImage:
        return image
    if max(rgb.size) > LONGEST_JPEG_SIDE:
        return image
    data = _encode(_in_srgb(rgb, open_image(image.data, limits=SOURCE_LIMITS)))
    return replace(image, data=data, origin=f"{image.origin}/{hashlib.sha256(data).hexdigest()[:_NAME_DIGITS]}.jpg")


def keep_apart(image: LabelledImage) -> LabelledImage:
    """Return an image under a path that `neutralise` never gives.

    Without it, a supplier could name a file so that the file passes for the neutralised copy of another's image.
    """
    if not _LIKELY.search(image.origin) or former_origin(image.origin, hashlib.sha256(image.data).hexdigest()) is None:
        return image
    return replace(image, origin=image.origin + _KEPT_APART)


def former_origins(images: "pd.DataFrame") -> "pd.Series":
    """Return the origins of the originals of those `images` (columns `origin`, `sha256`) that were neutralised.

    The index of an origin is that of the neutralised image.
    """
    names = "/" + images["sha256"].str[:_NAME_DIGITS] + ".jpg"
    length = len("/") + _NAME_DIGITS + len(".jpg")
    copies = images["origin"].str[-length:] == names
    return images.loc[copies, "origin"].str[:-length]


def former_origin(origin: str, sha256: str) -> str | None:
    """Return the origin of a neutralised image's original; None if the image, whose file has this sum, was not."""
    name = f"/{sha256[:_NAME_DIGITS]}.jpg"
    return origin.removesuffix(name) if origin.endswith(name) else None


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
    """Convert from the profile that the file embeds; a profile that is damaged or not for RGB is ignored."""
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
