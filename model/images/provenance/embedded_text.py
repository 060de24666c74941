"""Embedded text: what the container of an image says in words beside the pixels."""

import html
import io
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from PIL import ExifTags, Image

from model.images.decoding import FORMATS

XMP: Final = "XMP"
"""Key of the XMP packet, which is XML."""

MOST_TEXTS: Final = 64
LONGEST_TEXT: Final = 65_536
"""Characters kept of one text, bytes looked at of an XMP packet."""

_EXIF: Final = ("Make", "Model", "Software", "ImageDescription", "Artist")
_EXIF_CAPTURE: Final = ("LensModel", "UserComment")
_CREATOR_TOOL: Final = re.compile(r'xmp:CreatorTool(?:=["\']|>)([^"\'<]{1,200})')
_JPEG: Final = b"\xff\xd8"
_JPEG_TEXTS: Final = (b"Exif\0", b"<x:xmpmeta", b"\xff\xfe")
"""What stands in a JPEG with texts: EXIF, XMP, a comment (ITU-T T.81, B.2.4.5). Most have none, and are not opened."""

_CHARSET_BYTES: Final = 8
"""A UserComment begins with the name of its character set (Exif 2.32, 4.6.5)."""


def read_texts(data: bytes) -> dict[str, str]:
    """Return the texts of an image file by where they stand.

    Such as 'EXIF Make', 'PNG parameters', 'comment', 'XMP CreatorTool', and XMP, the packet as a whole. At most
    MOST_TEXTS, of LONGEST_TEXT characters each; the pixels are not decoded. Raises whatever Pillow raises on a broken
    file.
    """
    if data.startswith(_JPEG) and not any(mark in data for mark in _JPEG_TEXTS):
        return {}
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        texts = dict(islice(_read_container(image), MOST_TEXTS))
        texts |= _read_exif(image)
    if packet := _find_xmp(data) or texts.get(XMP):
        texts |= _read_xmp(packet)
    return {place: text[:LONGEST_TEXT] for place, text in texts.items()}


def _read_container(image: Image.Image) -> Iterator[tuple[str, str]]:
    for key, value in image.info.items():
        if key == "comment":
            yield "comment", _decode(value)
        elif key == "XML:com.adobe.xmp":  # in a PNG it may be compressed, so that looking for it as bytes fails
            yield XMP, value
        elif isinstance(value, str) and image.format == "PNG":
            yield f"PNG {key}", value


def _read_exif(image: Image.Image) -> dict[str, str]:
    if image.format == "PNG" and "exif" not in image.info:
        return {}  # Pillow would decode the pixels to look behind them
    exif = image.getexif()
    named = {name: exif.get(ExifTags.Base[name]) for name in _EXIF}
    capture: Mapping[int, object] = exif.get_ifd(ExifTags.IFD.Exif)
    named |= {name: capture.get(ExifTags.Base[name]) for name in _EXIF_CAPTURE}
    return {f"EXIF {name}": _decode(value) for name, value in named.items() if isinstance(value, str | bytes) and value}


def _find_xmp(data: bytes) -> str | None:
    """Find the packet as bytes, which works in every container (XMP Specification Part 3, 'packet scanning')."""
    start = data.find(b"<x:xmpmeta")
    if start < 0:
        return None
    packet, _, _ = data[start : start + LONGEST_TEXT].partition(b"</x:xmpmeta>")
    return html.unescape(packet.decode(errors="replace"))


def _read_xmp(packet: str) -> dict[str, str]:
    tool = _CREATOR_TOOL.search(packet)
    return {XMP: packet} | ({f"{XMP} CreatorTool": tool[1]} if tool else {})


def _decode(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    charset, text = value[:_CHARSET_BYTES], value[_CHARSET_BYTES:]
    if charset == b"UNICODE\0":  # UTF-16 in an order the standard leaves open; the first character is mostly ASCII
        return text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", errors="replace")
    return (text if charset == b"ASCII\0\0\0" else value).decode(errors="replace")
