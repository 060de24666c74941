"""Scans: how often a JPEG goes over its pixels, which its decoding costs each time."""

import re
from itertools import islice
from typing import Final

MOST_SCANS: Final = 100
"""What libtiff allows the JPEGs in its files (LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER); a progressive photograph has ten.

Pillow allows any number: 75 bytes make a scan that takes 20 ms, so a file of 15 MB could take an hour."""

_START_OF_SCAN: Final = re.compile(rb"\xff\xda")
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that is not stuffed data, a restart or a fill byte."""


def has_too_many_scans(jpeg: bytes) -> bool:
    """Tell whether the first image in a JPEG file, the one that is decoded, has more than MOST_SCANS scans."""
    # Few files hold as many of these two bytes at all, the videos behind some telephones' photographs do.
    if next(islice(_START_OF_SCAN.finditer(jpeg), MOST_SCANS, None), None) is None:
        return False
    return _count_scans(jpeg) > MOST_SCANS


def _count_scans(jpeg: bytes) -> int:
    """Walk from segment to segment until the image ends, or has MOST_SCANS + 1 scans."""
    scans, position = 0, len(b"\xff\xd8")
    while scans <= MOST_SCANS and (marker := _MARKER.search(jpeg, position)) and marker[0] != b"\xff\xd9":
        scans += marker[0] == b"\xff\xda"
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return scans
