"""Refuses image files whose parts would take too much time or memory, before Pillow reads them."""

import io
import re
from collections.abc import Iterator
from typing import Final

from model.errors import InvalidImage
from model.images.directories import MEND, ORDERS, Directory, check_directories

HARMLESS_PIXELS: Final = 2_048 * 2_048
"""Up to this many pixels an image may be of one colour, however few bytes it has.

Decoding it takes at most a tenth of a second."""

MOST_SEGMENTS: Final = 4_000
"""Most segments of a JPEG before its pixels. Photographs have at most a few hundred.

A segment holds up to 64 kB of metadata."""
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
START_OF_SCAN: Final = b"\xff\xda"
_FIRST: Final = b"\xff"
"""The first byte of every marker."""
_THUMBNAIL: Final = 100_000
"""Bytes up to which counting that byte takes less time than to walk through the segments."""
_END: Final = b"\xff\xd9"
APP1: Final = b"\xff\xe1"
_EXIF_HEAD: Final = re.compile(rb"\A(?:Exif\0\0){1,2}")

_WIDTH, _HEIGHT, _COMPRESSION, _STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 256, 257, 259, 273, 322, 323, 324
_TABLES: Final = (_STRIPS, 279, _TILES, 325)
"""The tags that hold a number for each strip or tile: offsets and lengths."""
_UNCOMPRESSED: Final = 1
"""Pillow itself reads such pixels, and ignores the lengths of strips."""
_JPEG_IN_TIFF: Final = (6, 7)


_read: Final = io.BytesIO.read  # `super()` takes longer than to read the few bytes of a header


class PiecewiseFile(io.BytesIO):
    """A file in memory that limits how often it can be read; raises InvalidImage beyond the limit."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = most_reads(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as BytesIO does."""
        self._left -= 1
        if self._left < 0:
            raise InvalidImage("broken", f"the file has more parts than an image should have; {MEND}")
        return _read(self, size)


def in_pieces(data: bytes) -> io.BytesIO:
    """Return a JPEG file as one that limits how often it can be read, unless it has fewer bytes than reads.

    Pillow reads a JPEG from its start to its end, at least a byte at a time, and once more where it ends.
    """
    return PiecewiseFile(data) if len(data) > _READS // 2 else io.BytesIO(data)


def most_reads(data: bytes) -> int:
    """Return how many parts of a file may be read."""
    return _READS + len(data) // _BYTES_A_READ


def check_structure(data: bytes) -> None:
    """Raise InvalidImage for a file whose parts take far more time or memory than its size suggests."""
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data[:2] in ORDERS:
        _check_tiff(data)


def check_exif(exif: bytes) -> None:
    """Raise InvalidImage for Exif that takes far more time or memory than that of a picture."""
    check_directories(_EXIF_HEAD.sub(b"", exif))


def _check_jpeg(data: bytes) -> None:
    scans = 0
    # A quick look first: few files contain these two bytes so often. Some do, because a telephone appended a video to
    # the photograph. Only in those files all segments are read.
    all_scans = data.count(START_OF_SCAN) > MOST_SCANS
    if not all_scans and len(data) <= _THUMBNAIL and data.count(_FIRST) <= MOST_SEGMENTS:
        return
    for number, (marker, _) in enumerate(segments(data), start=1):
        scans += marker == START_OF_SCAN
        if scans > MOST_SCANS:
            raise InvalidImage("too_many_scans", f"the JPEG file has more than {MOST_SCANS} scans; {MEND}")
        if number > MOST_SEGMENTS:
            raise InvalidImage("broken", f"the JPEG file has more segments than a picture should have; {MEND}")
        if scans and not all_scans:
            break


def segments(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the marker of each segment of the first image in a JPEG file, and where the rest of the segment starts."""
    position = len(b"\xff\xd8")
    while (marker := _MARKER.search(data, position)) and marker[0] != _END:
        yield marker[0], marker.end()
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])


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
        if data.count(START_OF_SCAN) > max(MOST_SCANS, 2 * pictures):
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
