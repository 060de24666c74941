"""Opens a JPEG file, past segments of metadata that Pillow cannot read or would read for too long."""

from collections.abc import Iterable
from typing import Final

from PIL import Image

from model.errors import InvalidImage
from model.images.structure import APP1, START_OF_SCAN, check_exif, in_pieces, segments

MOST_EXIF: Final = 16
"""Most segments of Exif that Pillow gets. It joins them one by one, at a cost that grows with their square."""

_NOBODYS: Final = 0xEF
"""The second byte of APP15, a segment that no decoder reads."""
_EXIF: Final = b"Exif\0\0"
_SHORTEST: Final = {b"\xff\xe0": (b"JFIF\0", 7), b"\xff\xe2": (b"ICC_PROFILE\0", 14), b"\xff\xee": (b"Adobe", 7)}
"""Segments that Pillow reads: how their content begins, and the fewest bytes that it must have."""
_LOOKED_AT: Final = frozenset({APP1, *_SHORTEST})


def open_jpeg(data: bytes) -> Image.Image:
    """Open a JPEG file, or one with more pictures behind the first, without decoding it; raises what Pillow raises.

    `info` has all Exif as `exif`, also if Pillow did not get it.
    """
    exif, places, hidden = b"", [], []
    for marker, start in segments(data):
        if marker == START_OF_SCAN:
            break
        if marker not in _LOOKED_AT:
            continue
        content = data[start + 2 : start + int.from_bytes(data[start : start + 2])]
        head, least = _SHORTEST.get(marker, (b"", 0))
        if marker == APP1 and content.startswith(_EXIF):
            exif += content[len(_EXIF) :]
            places.append(start)
        elif content.startswith(head) and len(content) < least:
            hidden.append(start)
    if len(places) > MOST_EXIF or _is_costly(exif):
        hidden += places
    image = Image.open(in_pieces(_hide(data, hidden)), formats=("JPEG",))
    if exif:
        image.info["exif"] = _EXIF + exif
    return image


def _is_costly(exif: bytes) -> bool:
    try:
        check_exif(exif)
    except InvalidImage:
        return True
    return False


def _hide(data: bytes, starts: Iterable[int]) -> bytes:
    """Give segments a marker that no decoder reads; the places of all others stay as they are."""
    hidden = list(starts)
    if not hidden:
        return data
    changed = bytearray(data)
    for start in hidden:
        changed[start - 1] = _NOBODYS
    return bytes(changed)
