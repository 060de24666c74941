"""Reads the chunks of a PNG file: those that make its picture, its Exif, its colour profile and its texts."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from PIL import Image, PngImagePlugin

from model.errors import InvalidImage
from model.images.directories import MEND
from model.images.structure import PiecewiseFile, most_reads

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
XMP_KEY: Final = "XML:com.adobe.xmp"

LONGEST_PROFILE: Final = 4_000_000
"""Most bytes of a colour profile. A profile with tables for printing has about half as many."""

_PICTURE: Final = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
"""The ancillary chunks that have a part in the picture."""
_GREY, _RGB, _PALETTE = 0, 2, 3
_DEEP: Final = 16
_LATIN: Final = "latin-1"


@dataclass(frozen=True)
class _Chunk:
    """A chunk: its kind, its content, and the whole of it with length and checksum."""

    kind: bytes
    content: bytes
    whole: bytes

    @property
    def is_ancillary(self) -> bool:
        return bool(self.kind[:1].islower())

    @property
    def is_sound(self) -> bool:
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:])


def open_png(data: bytes) -> Image.Image:
    """Open a PNG file without decoding it; raises what Pillow raises, or InvalidImage for more chunks than a PNG has.

    Pillow sees only the chunks of the picture. As in browsers, an ancillary chunk that is damaged or too long is passed
    over. `info` has the Exif as `exif`, the colour profile as `icc_profile` and the transparent colour in the levels of
    the image as `transparency`.
    """
    kept, exif, profile, palette = [SIGNATURE], b"", b"", 0
    for chunk in _chunks(data):
        if not chunk.is_ancillary:
            kept.append(chunk.whole)
            palette = len(chunk.content) // 3 if chunk.kind == b"PLTE" else palette
        elif chunk.kind in _PICTURE and chunk.is_sound and _fits(chunk, palette, data):
            kept.append(chunk.whole)
        elif chunk.kind == b"eXIf" and not exif and chunk.is_sound:
            exif = chunk.content
        elif chunk.kind == b"iCCP" and not profile and chunk.is_sound:
            profile = _unpack(chunk.content.partition(b"\0")[2][1:], LONGEST_PROFILE)
    image = PngImagePlugin.PngImageFile(PiecewiseFile(b"".join(kept)))
    image.info |= {key: value for key, value in (("exif", exif), ("icc_profile", profile)) if value}
    _scale_transparency(image, *data[24:26])
    return image


def read_texts(data: bytes, *, most: int, longest: int) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of at most `most` texts, of each at most `longest` bytes."""
    texts = (chunk for chunk in _chunks(data) if chunk.kind in {b"tEXt", b"zTXt", b"iTXt"})
    for chunk in islice(texts, most):
        key, _, rest = chunk.content.partition(b"\0")
        if chunk.kind == b"tEXt":
            text = rest[:longest].decode(_LATIN)
        elif chunk.kind == b"zTXt":
            text = _unpack(rest[1:], longest).decode(_LATIN)
        else:
            packed, (_, _, content) = rest[:1] != b"\0", rest[2:].partition(b"\0")
            content = content.partition(b"\0")[2]
            text = (_unpack(content, longest) if packed else content[:longest]).decode(errors="replace")
        yield key.decode(_LATIN), text


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to the end of the picture; the last one may be cut off."""
    position = len(SIGNATURE)
    for _ in range(most_reads(data)):
        if position >= len(data):
            return
        length = int.from_bytes(data[position : position + 4])
        whole = data[position : position + 12 + length]
        yield _Chunk(whole[4:8], whole[8:-4], whole)
        if whole[4:8] == b"IEND":
            return
        position += 12 + length
    raise InvalidImage("broken", f"the PNG file has more parts than an image should have; {MEND}")


def _fits(chunk: _Chunk, palette: int, data: bytes) -> bool:
    """Return False for transparency of a wrong length, or of a picture with an alpha channel, which libpng ignores."""
    if chunk.kind != b"tRNS":
        return True
    length, colours = len(chunk.content), data[25]
    return {_GREY: length == 2, _RGB: length == 6, _PALETTE: 0 < length <= palette}.get(colours, False)


def _unpack(packed: bytes, most: int) -> bytes:
    """Return what was packed, up to `most` bytes; empty if it is damaged."""
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""


def _scale_transparency(image: Image.Image, depth: int, colours: int) -> None:
    """Turn the colour that is transparent, which the file holds in its own depth, into levels of the image."""
    colour = image.info.get("transparency")
    if colours == _GREY and isinstance(colour, int):
        white = (1 << depth) - 1
        image.info["transparency"] = colour & white if depth == _DEEP else (colour & white) * 255 // white
    elif colours == _RGB and isinstance(colour, tuple):  # of 16 bits Pillow keeps the upper eight
        image.info["transparency"] = tuple(level >> 8 if depth == _DEEP else level & 255 for level in colour)
