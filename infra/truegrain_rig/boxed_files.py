"""HEIC and AVIF files: of pictures, and put together from boxes as no encoder would."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pillow_heif
from PIL import Image

from model.images.isobmff import read_container

Box = tuple[bytes, bytes]
"""The kind of a box, and its content."""

_ESSENTIAL: Final = 1 << 15


@dataclass(frozen=True)
class Part:
    """An item of a file: its kind, its bytes, and its properties, all of them essential."""

    kind: bytes
    data: bytes
    properties: Sequence[Box] = ()


def heic(image: Image.Image, **options: object) -> bytes:
    """Write a picture as HEIC, with options of pillow-heif's for it."""
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, **options)
    return file.getvalue()


def coded(image: Image.Image) -> Part:
    """Return the item of a picture in HEVC, without alpha."""
    data = heic(image, quality=10)
    found = read_container(data)
    item = found.items[found.primary or 0]
    return Part(item.kind, item.read(data), [(each.kind, each.content) for each in item.properties])


def extent(width: int, height: int) -> Box:
    """Return the property that tells the size of a picture."""
    return b"ispe", struct.pack(">III", 0, width, height)


def grid(columns: int, rows: int, size: tuple[int, int]) -> Part:
    """Return the item of a picture that is made of tiles; a row or a column has at most 256."""
    return Part(b"grid", struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size), [extent(*size)])


def resized(part: Part, width: int, height: int) -> Part:
    """Return an item that says that it has another size."""
    kept = [each for each in part.properties if each[0] != b"ispe"]
    return replace(part, properties=[*kept, extent(width, height)])


def boxed(
    parts: Sequence[Part],
    *,
    references: Sequence[tuple[bytes, int, Sequence[int]]] = (),
    brands: Sequence[bytes] = (b"heic", b"mif1"),
    primary: int = 1,
    before: bytes = b"",
) -> bytes:
    """Write a file of items, numbered from 1, with references (kind, from, to) and boxes `before` their own."""
    ftyp = box(b"ftyp", brands[0] + bytes(4) + b"".join(brands[1:]))
    number = 0
    properties, associations, items = b"", b"", b""
    for place, part in enumerate(parts, start=1):
        codes = range(number + 1, number + 1 + len(part.properties))
        number += len(part.properties)
        properties += b"".join(box(*each) for each in part.properties)
        associations += struct.pack(f">HB{len(codes)}H", place, len(codes), *(code | _ESSENTIAL for code in codes))
        items += box(b"infe", struct.pack(">IHH4sx", 2 << 24, place, 0, part.kind))
    links = b"".join(box(kind, struct.pack(f">HH{len(to)}H", start, len(to), *to)) for kind, start, to in references)
    known = (
        box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        + box(b"pitm", struct.pack(">IH", 0, primary))
        + box(b"iinf", struct.pack(">IH", 0, len(parts)) + items)
        + box(b"iprp", box(b"ipco", properties) + box(b"ipma", struct.pack(">II", 1, len(parts)) + associations))
        + box(b"iref", bytes(4) + links)
    )
    entry = struct.Struct(">HHHII")
    position = len(ftyp) + len(before) + 12 + len(known) + 16 + entry.size * len(parts) + 8
    places = b""
    for place, part in enumerate(parts, start=1):
        places += entry.pack(place, 0, 1, position, len(part.data))
        position += len(part.data)
    meta = box(b"meta", bytes(4) + known + box(b"iloc", struct.pack(">IHH", 0, 0x4400, len(parts)) + places))
    return ftyp + before + meta + box(b"mdat", b"".join(part.data for part in parts))


def box(kind: bytes, content: bytes) -> bytes:
    """Write a box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content
