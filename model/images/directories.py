"""Checks the directories of a TIFF or of Exif before Pillow reads them; raises InvalidImage for costly ones."""

import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from model.errors import InvalidImage

ORDERS: Final = {b"II": "<", b"MM": ">"}
"""The byte orders, by how a file begins."""

MOST_TAGS: Final = 5_500
"""Tags in all directories together; Pillow takes 20 us for each. Photographs have at most some hundreds.

A segment of JPEG has room for fewer, so that its damaged Exif, which may announce any number, is never refused for it.
"""
MOST_NUMBERS: Final = 1_000_000
"""Numbers in those tags. Pillow makes an object of each; the tables of 65,536 strips hold a quarter as many."""
MOST_FRACTIONS: Final = 4_096
"""Fractions among those numbers. Pillow takes 8 us for each."""

MEND: Final = "save it again to mend it"

_LENGTHS: Final = (279, 325)
"""The tags that hold how many bytes of the file each strip or tile has."""

_BELOW: Final = (34665, 34853)
"""The tags that hold the place of a further directory: Exif and GPS."""

_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_FRACTIONS: Final = (5, 10)
_TEXTS: Final = (1, 2, 7)
"""Kinds of which Pillow makes one object, however many values there are."""
_SIZES: Final = {kind: struct.calcsize(code) for kind, code in _INTEGERS.items()} | {
    2: 1,
    5: 8,
    7: 1,
    10: 8,
    11: 4,
    12: 8,
}
"""Bytes of a value of each kind."""


@dataclass
class Directory:
    """What a directory holds, and what reading the directory costs.

    - `counts`: the number of values of each tag; the larger number if a tag stands there twice.
    - `values`: the integer of each tag that has a single integer.
    - `places`: the offsets of further directories.
    - `stored`: the bytes of strips or tiles that the directory names, the most of any table.
    - `tags`, `numbers`, `fractions`: how many of each there are.
    - `bytes`: the size of the values that lie elsewhere in the file.
    """

    counts: Counter[int] = field(default_factory=Counter)
    values: dict[int, int] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    stored: int = 0
    tags: int = 0
    numbers: int = 0
    fractions: int = 0
    bytes: int = 0


def check_directories(data: bytes) -> Directory | None:
    """Return the first directory of a TIFF, or of Exif, None if `data` is none.

    Raises InvalidImage if its tags, with those of Exif and GPS below it, hold more than those of a picture.
    """
    try:
        first = _read(data)
    except (KeyError, struct.error):
        return None  # and Pillow says so
    tags, numbers, fractions = first.tags, first.numbers, first.fractions
    for place in first.places:
        if tags > MOST_TAGS:
            break
        with suppress(struct.error):
            below = _read(data, place)
            tags, numbers, fractions = tags + below.tags, numbers + below.numbers, fractions + below.fractions
    if tags > MOST_TAGS or numbers > MOST_NUMBERS or fractions > MOST_FRACTIONS:
        raise InvalidImage("broken", f"the file says more of itself than a picture does; {MEND}")
    return first


def _read(data: bytes, start: int | None = None) -> Directory:
    """Read the directory at `start`, or else the first one, of classic TIFF or BigTIFF.

    What lies behind the end of `data` is not there. Raises KeyError or struct.error for a head that is none.
    """
    order, big = ORDERS[data[:2]], data[2:3] == b"+"
    head, offset = (order + "HHQ", order + "Q") if big else (order + "HHI", order + "I")
    inline = struct.calcsize(offset)
    if start is None:
        (start,) = struct.unpack_from(offset, data, inline)
    if not 0 <= start < len(data):
        return Directory()
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, size = start + (8 if big else 2), struct.calcsize(head) + inline
    found = Directory(tags=min(entries, (len(data) - first) // size))
    for number in range(min(found.tags, MOST_TAGS)):
        place = first + number * size
        tag, kind, count = struct.unpack_from(head, data, place)
        found.counts[tag] = max(found.counts[tag], count)
        weight = count * _SIZES.get(kind, 0)
        if not 0 < weight <= len(data):
            continue  # nobody can read it
        place += struct.calcsize(head)
        if weight > inline:
            found.bytes += weight
            (place,) = struct.unpack_from(offset, data, place)
        if kind not in _TEXTS or tag in _LENGTHS:
            found.numbers += count
            found.fractions += count if kind in _FRACTIONS else 0
        if found.numbers > MOST_NUMBERS:
            break  # it is refused anyway
        if kind in _INTEGERS and place + weight <= len(data) and (count == 1 or tag in _LENGTHS):
            _note(found, tag, struct.unpack_from(f"{order}{count}{_INTEGERS[kind]}", data, place), len(data))
    return found


def _note(found: Directory, tag: int, values: tuple[int, ...], most: int) -> None:
    """Note the integer of a tag, or how many bytes of the file the lengths of strips or tiles add up to."""
    if tag in _LENGTHS:
        found.stored = max(found.stored, sum(min(abs(value), most) for value in values))
    else:
        found.values[tag] = max(found.values.get(tag, 0), values[0])
        if tag in _BELOW:
            found.places.append(values[0])
