"""Refuses image files whose parts would take too much time or memory, before Pillow reads them."""

import io
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from model.errors import InvalidImage

HARMLESS_PIXELS: Final = 2_048 * 2_048
"""Up to this many pixels an image may be of one colour, however few bytes it has.

Decoding it takes at most a tenth of a second."""

MOST_SEGMENTS: Final = 4_000
"""Most segments of a JPEG before its pixels. Photographs have at most a few hundred.

A segment holds up to 64 kB of metadata."""
MOST_EXIF: Final = 16
"""Most segments that say they are Exif. Pillow joins them one by one, at a cost that grows with their square."""
MOST_STRIPS: Final = 65_536
"""Most strips or tiles of a TIFF. Pillow makes a decoder for each."""
MOST_SCANS: Final = 30
"""Most scans of a JPEG. libjpeg's longest script has 18 scans (CMYK); a progressive photograph has ten.

Pillow allows any number. 75 bytes make a scan that takes 20 ms, so a file of 15 MB could take an hour."""

_READS: Final = 10_000
_BYTES_A_READ: Final = 1_000
"""Reads that a file may take, and bytes that allow one read more.

Pillow reads a usual file in about a hundred reads, and a file of many tiny parts in millions."""

_USUAL_TILE: Final = 1_024
_MOST_PADDING: Final = 4

_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that is not stuffed data, a restart or a fill byte."""
_START_OF_SCAN: Final = b"\xff\xda"
_END: Final = b"\xff\xd9"
_APP1: Final = b"\xff\xe1"

_WIDTH, _HEIGHT, _COMPRESSION, _STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 256, 257, 259, 273, 322, 323, 324
_TABLES: Final = (_STRIPS, 279, _TILES, 325)
"""The tags that hold a number for each strip or tile: offsets and lengths."""
_JPEG_IN_TIFF: Final = (6, 7)
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}


class PiecewiseFile(io.BytesIO):
    """A file in memory that limits how often it can be read; raises InvalidImage beyond the limit."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = _READS + len(data) // _BYTES_A_READ

    def read(self, *size: Any) -> bytes:
        """Read as BytesIO does."""
        self._left -= 1
        if self._left < 0:
            raise InvalidImage("broken", f"the file has more parts than an image should have; {_MEND}")
        return super().read(*size)


def check_structure(data: bytes) -> None:
    """Raise InvalidImage for a JPEG or TIFF whose parts take far more time or memory than its size suggests."""
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data[:2] in _ORDERS:
        _check_tiff(data)


def _check_jpeg(data: bytes) -> None:
    exif, scans = 0, 0
    # A quick look first: few files contain these two bytes so often. Some do, because a telephone appended a video to
    # the photograph. Only in those files all segments are read.
    all_scans = data.count(_START_OF_SCAN) > MOST_SCANS
    for segments, (marker, start) in enumerate(_segments(data), start=1):
        exif += marker == _APP1 and data.startswith(b"Exif", start + 2)
        scans += marker == _START_OF_SCAN
        if scans > MOST_SCANS:
            raise InvalidImage("too_many_scans", f"the JPEG file has more than {MOST_SCANS} scans; {_MEND}")
        if segments > MOST_SEGMENTS or exif > MOST_EXIF:
            raise InvalidImage("broken", f"the JPEG file has more segments than a picture should have; {_MEND}")
        if scans and not all_scans:
            break


def _segments(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the marker of each segment of the first image in a JPEG file, and where the rest of the segment starts."""
    position = len(b"\xff\xd8")
    while (marker := _MARKER.search(data, position)) and marker[0] != _END:
        yield marker[0], marker.end()
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])


@dataclass(frozen=True)
class _Directory:
    """The first directory of a TIFF: the number of values of each tag, and the value of each tag with one integer."""

    counts: Counter[int]
    values: dict[int, int]


def _check_tiff(data: bytes) -> None:
    try:
        directory = _read_directory(data)
    except (struct.error, OverflowError):
        return  # the file ends before or within its directory, and Pillow says so
    if max(directory.counts[tag] for tag in _TABLES) > MOST_STRIPS:
        raise InvalidImage("broken", f"the TIFF file has more than {MOST_STRIPS:,} strips or tiles; {_MEND}")
    if directory.counts[_TILES]:
        _check_tiles(directory)
    if directory.values.get(_COMPRESSION) in _JPEG_IN_TIFF:
        pictures = max(directory.counts[_STRIPS], directory.counts[_TILES])
        if data.count(_START_OF_SCAN) > max(MOST_SCANS, 2 * pictures):
            raise InvalidImage("too_many_scans", f"the JPEGs in the TIFF file have too many scans; {_MEND}")


def _check_tiles(directory: _Directory) -> None:
    """Compare the tiles with the image. Tiles are decoded whole, even if the image shows little of them."""
    total = 1
    for side, tile in ((_WIDTH, _TILE_WIDTH), (_HEIGHT, _TILE_HEIGHT)):
        image, each = directory.values.get(side, 0), directory.values.get(tile, 0)
        if each < 1 or each > max(_USUAL_TILE, image + 15):
            raise InvalidImage("broken", f"a tile of the TIFF file is {each:,} pixels wide or high; {_MEND}")
        total *= -(-image // each) * each
    if total > max(HARMLESS_PIXELS, _MOST_PADDING * directory.values[_WIDTH] * directory.values[_HEIGHT]):
        raise InvalidImage(
            "broken", f"the tiles of the TIFF file have {total:,} pixels, far more than the image; {_MEND}"
        )


def _read_directory(data: bytes) -> _Directory:
    """Read classic TIFF or BigTIFF. If a tag appears twice, the larger value counts.

    Raises struct.error or OverflowError.
    """
    order = _ORDERS[data[:2]]
    big = 43 in data[2:4]
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, size, head = start + (8 if big else 2), (20 if big else 12), (order + ("HHQ" if big else "HHI"))
    counts: Counter[int] = Counter()
    values: dict[int, int] = {}
    for number in range(min(entries, len(data) // size)):
        place = first + number * size
        tag, kind, count = struct.unpack_from(head, data, place)
        counts[tag] = max(counts[tag], count)
        if count == 1 and kind in _INTEGERS:
            (value,) = struct.unpack_from(order + _INTEGERS[kind], data, place + struct.calcsize(head))
            values[tag] = max(values.get(tag, 0), value)
    return _Directory(counts, values)


_ORDERS: Final = {b"II": "<", b"MM": ">"}
_MEND: Final = "save it again to mend it"
