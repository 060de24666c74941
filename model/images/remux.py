"""Writes the coded picture of a HEIC or AVIF file as a file of its own, without what a decoder should not see."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from model.errors import InvalidImage
from model.images.isobmff import Container, Item, Property

GRID: Final = b"grid"
DIMG: Final = b"dimg"
"""The kind of an item that is made of tiles, and of the reference to its tiles."""

_LINKS: Final = (DIMG, b"auxl", b"prem")
_TURNS: Final = (b"irot", b"imir")
_KEPT: Final = {b"hvcC", b"av1C", b"ispe", b"pixi", b"colr", b"auxC", b"clap", b"a1op", b"lsel", b"a1lx"}
"""Properties that the decoder gets. `irot` and `imir` are left out: they are applied as the orientation in Exif is."""

_NO_NAME: Final = 13
"""Bytes of `hdlr` after the kind of its handler (ISO/IEC 14496-12, 8.4.3): reserved, and an empty name."""
_ESSENTIAL: Final = 15
_WIDE: Final = 1
"""The bit of an association that makes its property essential, and the flag for associations of 16 bits."""


@dataclass(frozen=True)
class Part:
    """An item that the decoder needs, and its bytes."""

    item: Item
    data: bytes


def write_picture(found: Container, primary: int, parts: Mapping[int, Part], *, brand: str) -> bytes:
    """Return a file of these parts alone; raises InvalidImage if showing them needs a property that is not known."""
    numbers = {number: new for new, number in enumerate(parts, start=1)}
    code = brand.encode()
    head = _box(b"ftyp", code + bytes(4) + code + b"mif1miaf")
    items = b"".join(
        _box(b"infe", struct.pack(">IHH4sx", 2 << 24, numbers[number], 0, part.item.kind))
        for number, part in parts.items()
    )
    about = (
        _box(b"hdlr", bytes(8) + b"pict" + bytes(_NO_NAME))
        + _box(b"pitm", struct.pack(">IH", 0, numbers[primary]))
        + _box(b"iinf", struct.pack(">IH", 0, len(parts)) + items)
        + _write_properties(parts, numbers)
        + _write_references(found, numbers)
    )
    place = struct.Struct(">HHHII")
    position = len(head) + 12 + len(about) + 16 + place.size * len(parts) + 8
    places = b""
    for number, part in parts.items():
        places += place.pack(numbers[number], 0, 1, position, len(part.data))
        position += len(part.data)
    about += _box(b"iloc", struct.pack(">IHH", 0, 0x4400, len(parts)) + places)
    return head + _box(b"meta", bytes(4) + about) + _box(b"mdat", b"".join(part.data for part in parts.values()))


def _write_properties(parts: Mapping[int, Part], numbers: Mapping[int, int]) -> bytes:
    known: dict[tuple[bytes, bytes], int] = {}
    associations = struct.pack(">II", _WIDE, len(parts))
    for number, part in parts.items():
        kept = [each for each in part.item.properties if _is_kept(each)]
        codes = [
            known.setdefault((each.kind, each.content), len(known) + 1) | each.is_essential << _ESSENTIAL
            for each in kept
        ]
        associations += struct.pack(f">HB{len(codes)}H", numbers[number], len(codes), *codes)
    boxes = b"".join(_box(kind, content) for kind, content in known)
    return _box(b"iprp", _box(b"ipco", boxes) + _box(b"ipma", associations))


def _is_kept(each: Property) -> bool:
    if each.is_essential and each.kind not in _KEPT and each.kind not in _TURNS:
        name = each.kind.decode("latin-1")
        raise InvalidImage("format_not_allowed", f"HEIF files whose picture needs '{name}' are not accepted")
    return each.kind in _KEPT


def _write_references(found: Container, numbers: Mapping[int, int]) -> bytes:
    boxes = b"".join(
        _box(kind, struct.pack(f">HH{len(to)}H", numbers[origin], len(to), *(numbers[each] for each in to)))
        for (kind, origin), to in found.references.items()
        if kind in _LINKS and origin in numbers and all(each in numbers for each in to)
    )
    return _box(b"iref", bytes(4) + boxes) if boxes else b""


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
