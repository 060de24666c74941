"""Refuses image files whose parts would take too much time or memory, before Pillow reads them."""

import io
import re
from collections.abc import Iterator
from typing import Any, Final

from model.errors import InvalidImage
from model.images.directories import MEND, ORDERS, Directory, check_directories

HARMLESS_PIXELS: Final = 2_048 * 2_048
"""Up to this many pixels an image may be of one colour, however few bytes it has.

Decoding it takes at most a tenth of a second."""

MOST_SEGMENTS: Final = 4_000
"""Most segments of a JPEG before its pixels. Photographs have at most a few hundred.

A segment holds up to 64 kB of metadata."""
MOST_EXIF: Final = 16
"""Most segments that say they are Exif. Pillow joins them one by one, at a cost that grows with their square."""
MOST_PACKED_TEXTS: Final = 16
"""Most compressed texts and profiles of a PNG. Pillow unpacks up to a megabyte of each, in 3 ms."""
MOST_STRIPS: Final = 65_536
"""Most strips or tiles of a TIFF. Pillow makes a decoder for each."""
MOST_SCANS: Final = 30
"""Most scans of a JPEG. libjpeg's longest script has 18 scans (CMYK); a progressive photograph has ten.

Pillow allows any number. 75 bytes make a scan that takes 20 ms, so a file of 15 MB could take an hour."""

_HARMLESS_BYTES: Final = 15_000_000
_MOST_OVERLAP: Final = 2
"""Bytes that a compressed TIFF may name, and how many times its own size. libtiff reads bytes as often as named."""

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
_EXIF_HEAD: Final = re.compile(rb"\A(?:Exif\0\0){1,2}")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PACKED: Final = (b"zTXt", b"iCCP")

_WIDTH, _HEIGHT, _COMPRESSION, _STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 256, 257, 259, 273, 322, 323, 324
_TABLES: Final = (_STRIPS, 279, _TILES, 325)
"""The tags that hold a number for each strip or tile: offsets and lengths."""
_UNCOMPRESSED: Final = 1
"""Pillow itself reads such pixels, and ignores the lengths of strips."""
_JPEG_IN_TIFF: Final = (6, 7)


class PiecewiseFile(io.BytesIO):
    """A file in memory that limits how often it can be read; raises InvalidImage beyond the limit."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = _READS + len(data) // _BYTES_A_READ

    def read(self, *size: Any) -> bytes:
        """Read as BytesIO does."""
        self._left -= 1
        if self._left < 0:
            raise InvalidImage("broken", f"the file has more parts than an image should have; {MEND}")
        return super().read(*size)


def check_structure(data: bytes) -> None:
    """Raise InvalidImage for a file whose parts take far more time or memory than its size suggests."""
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith(_PNG):
        _check_png(data)
    elif data[:2] in ORDERS:
        _check_tiff(data)


def check_exif(exif: bytes) -> None:
    """Raise InvalidImage for Exif that takes far more time or memory than that of a picture."""
    check_directories(_EXIF_HEAD.sub(b"", exif))


def _check_jpeg(data: bytes) -> None:
    exif, scans, tags = 0, 0, b""
    # A quick look first: few files contain these two bytes so often. Some do, because a telephone appended a video to
    # the photograph. Only in those files all segments are read.
    all_scans = data.count(_START_OF_SCAN) > MOST_SCANS
    for segments, (marker, start) in enumerate(_segments(data), start=1):
        if marker == _APP1 and data.startswith(b"Exif", start + 2):
            exif += 1
            tags += data[start + 8 : start + int.from_bytes(data[start : start + 2])]
        scans += marker == _START_OF_SCAN
        if scans > MOST_SCANS:
            raise InvalidImage("too_many_scans", f"the JPEG file has more than {MOST_SCANS} scans; {MEND}")
        if segments > MOST_SEGMENTS or exif > MOST_EXIF:
            raise InvalidImage("broken", f"the JPEG file has more segments than a picture should have; {MEND}")
        if scans and not all_scans:
            break
    check_directories(tags)  # before Pillow reads the header, and some of the tags with it


def _segments(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the marker of each segment of the first image in a JPEG file, and where the rest of the segment starts."""
    position = len(b"\xff\xd8")
    while (marker := _MARKER.search(data, position)) and marker[0] != _END:
        yield marker[0], marker.end()
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])


def _check_png(data: bytes) -> None:
    packed, position = 0, len(_PNG)
    for _ in range(_READS + len(data) // _BYTES_A_READ):  # Pillow reads no more chunks
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        position += 8
        if kind == b"iTXt":
            key_end = data.find(b"\0", position, position + length)
            packed += data[key_end + 1 : key_end + 2] != b"\0"  # flag of compression
        packed += kind in _PACKED
        position += length + 4
    if packed > MOST_PACKED_TEXTS:
        raise InvalidImage("broken", f"the PNG file has more than {MOST_PACKED_TEXTS} compressed texts; {MEND}")


def _check_tiff(data: bytes) -> None:
    if data.startswith(b"MM\0+"):  # Pillow reads classic TIFF, libtiff reads BigTIFF: they see two pictures
        raise InvalidImage(
            "format_not_allowed", "BigTIFF files of Motorola's byte order are not accepted; save it again"
        )
    directory = check_directories(data)
    if directory is None:
        return
    if max(directory.counts[tag] for tag in _TABLES) > MOST_STRIPS:
        raise InvalidImage("broken", f"the TIFF file has more than {MOST_STRIPS:,} strips or tiles; {MEND}")
    is_packed = directory.counts[_COMPRESSION] and directory.values.get(_COMPRESSION) != _UNCOMPRESSED
    if is_packed and directory.bytes + directory.stored > max(_HARMLESS_BYTES, _MOST_OVERLAP * len(data)):
        raise InvalidImage("broken", f"the parts of the TIFF file share most of their bytes; {MEND}")
    if directory.counts[_TILES]:
        _check_tiles(directory)
    if directory.values.get(_COMPRESSION) in _JPEG_IN_TIFF:
        pictures = max(directory.counts[_STRIPS], directory.counts[_TILES])
        if data.count(_START_OF_SCAN) > max(MOST_SCANS, 2 * pictures):
            raise InvalidImage("too_many_scans", f"the JPEGs in the TIFF file have too many scans; {MEND}")


def _check_tiles(directory: Directory) -> None:
    """Compare the tiles with the image. Tiles are decoded whole, even if the image shows little of them."""
    total = 1
    for side, tile in ((_WIDTH, _TILE_WIDTH), (_HEIGHT, _TILE_HEIGHT)):
        image, each = directory.values.get(side, 0), directory.values.get(tile, 0)
        if each < 1 or each > max(_USUAL_TILE, image + 15):
            raise InvalidImage("broken", f"a tile of the TIFF file is {each:,} pixels wide or high; {MEND}")
        total *= -(-image // each) * each
    if total > max(HARMLESS_PIXELS, _MOST_PADDING * directory.values[_WIDTH] * directory.values[_HEIGHT]):
        raise InvalidImage(
            "broken", f"the tiles of the TIFF file have {total:,} pixels, far more than the image; {MEND}"
        )
