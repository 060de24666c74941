"""Turns an image upright by the orientation that its file names."""

import re
import struct
from typing import Final

from PIL import Image

ORIENTATION: Final = "orientation"
"""The key in `info` of an image for an orientation that does not stand in its Exif."""

_TAG: Final = 0x0112
_SHORT: Final = 3
_HEADS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF: Final = re.compile(rb"\A(?:Exif\0\0)*")

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What to do with an image that is stored in an orientation (Exif 2.32, 4.6.4)."""


def find_orientation(image: Image.Image) -> int:
    """Return the orientation in which an opened image is stored, from 1 (upright) to 8.

    As in browsers, the orientation in XMP does not count.
    """
    orientation = image.info.get(ORIENTATION)
    if not isinstance(orientation, int):  # a text of that name, or nothing
        exif = image.info.get("exif")
        orientation = read_orientation(exif) if isinstance(exif, bytes) else 1
    return orientation if orientation in _TURNS else 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return a decoded image upright, the same one if it is upright already."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def read_orientation(exif: bytes) -> int:
    """Return the orientation in Exif, 1 to 8; 1 if there is none, or if the Exif is damaged.

    Only the orientation is read, and as in browsers only as one unsigned short number.
    """
    exif = exif[_EXIF.match(exif).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    order = _HEADS.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack(order + "H", exif[start : start + 2].ljust(2, b"\0"))
    tags = exif[start + 2 : start + 2 + 12 * count]
    for tag, kind, values, value in struct.iter_unpack(order + "HHIHxx", tags[: len(tags) // 12 * 12]):
        if (tag, kind, values) == (_TAG, _SHORT, 1):
            return int(value) if value in _TURNS else 1
    return 1
