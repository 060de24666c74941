"""Tells whether an image file holds more frames than the first, which alone is decoded."""

from typing import Final

from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import SOURCE_LIMITS, open_image
from model.images.heif import SEQUENCE

_NO_FRAMES: Final = ("JPEG", "MPO")
"""Formats without animations. The further pictures of an MPO are not frames."""


def has_more_frames(header: Image.Image, data: bytes) -> bool:
    """Return whether `data` holds further frames; `header` is what `open_image` returned for it, not loaded yet.

    Of a GIF with very many parts the answer is no. Raises MemoryError.
    """
    if header.format in _NO_FRAMES:
        return False
    if SEQUENCE in header.info:
        return bool(header.info[SEQUENCE])
    if header.format != "GIF":
        return bool(getattr(header, "is_animated", False))
    try:
        # Pillow looks for the second frame of a GIF behind the first, and may not find the way back.
        return bool(getattr(open_image(data, limits=SOURCE_LIMITS), "is_animated", False))
    except MemoryError:
        raise
    except InvalidImage:
        return False
    except Exception:  # Pillow raises many kinds of errors on a second frame that is damaged: there is one
        return True
