"""Opens a TIFF file; Pillow sees only the tags that make the picture."""

import struct
from typing import Final

from PIL import Image

from model.images.directories import ORDERS, check_directories
from model.images.orientation import ORIENTATION
from model.images.structure import PiecewiseFile

_PICTURE: Final = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 290, 291, 292, 293, 317, 320, 322, 323, 324, 325}
    | {332, 334, 338, 339, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 50674}
)
"""The tags that have a part in the picture (TIFF 6.0, appendix A)."""
_PROFILE: Final = 34675
_BYTES: Final = (1, 7)
_LEAST: Final = 128
"""Bytes of the head of a profile (ICC.1:2022, 7.2)."""
_TURN: Final = 274


def open_tiff(data: bytes) -> Image.Image:
    """Open a TIFF file without decoding it; raises what Pillow raises, or InvalidImage for a costly directory.

    Metadata cannot be in the way, since Pillow does not get it. `info` has the ORIENTATION.
    """
    image = Image.open(PiecewiseFile(_without_metadata(data)), formats=("TIFF",))
    directory = check_directories(data)
    image.info[ORIENTATION] = directory.values.get(_TURN, 1) if directory else 1
    return image


def _without_metadata(data: bytes) -> bytes:
    """Return the file with a further first directory, which holds the tags of the picture only."""
    order, big = ORDERS[data[:2]], data[2:3] == b"+"
    offset, count, entry = struct.Struct(order + "QI"[not big]), struct.Struct(order + "QH"[not big]), 20 if big else 12
    place = 8 if big else 4
    try:
        (start,) = offset.unpack_from(data, place)
        (entries,) = count.unpack_from(data, start)
    except struct.error:
        return data  # and Pillow says what is wrong
    first = start + count.size
    end = first + entry * entries
    if end > len(data):
        return data
    head = struct.Struct(order + "HH" + offset.format[1:] * 2)
    kept = [data[at : at + entry] for at in range(first, end, entry) if _is_kept(head.unpack_from(data, at), len(data))]
    rest = data[end : end + offset.size].ljust(offset.size, b"\0")
    odd = b"\0" * (len(data) % 2)
    directory = count.pack(len(kept)) + b"".join(kept) + rest
    return data[:place] + offset.pack(len(data) + len(odd)) + data[place + offset.size :] + odd + directory


def _is_kept(tag: tuple[int, ...], most: int) -> bool:
    """Return whether a tag (number, kind, count, place) is of the picture, or a profile in the file of `most` bytes."""
    number, kind, count, place = tag
    return number in _PICTURE or (number == _PROFILE and kind in _BYTES and _LEAST < count <= most - place)
