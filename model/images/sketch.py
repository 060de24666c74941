"""Sketches a picture in a few bytes, by which copies of the picture are recognised."""

from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WORDS: Final = 4
"""64-bit words a view. The first word has the coarsest details; it is a perceptual hash by itself."""

VIEW_BYTES: Final = 8 * WORDS

_SIDE: Final = 32
_FREQUENCIES: Final = 16
_COARSE: Final = 8
_COSINES: Final = 2 * np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE))
"""The rows of the DCT-II matrix with the lowest frequencies: [frequencies, pixels]."""

_ORDER: Final = np.array(
    sorted(product(range(_FREQUENCIES), repeat=2), key=lambda place: (max(place) >= _COARSE, place)), dtype=np.int64
)
"""Vertical and horizontal frequency of each bit of a view: [256, 2]. The coarse frequencies come first."""

_PLACES: Final = _ORDER @ np.array([_FREQUENCIES, 1])
_MIRRORED: Final = np.packbits(_ORDER[:, 1] % 2 == 1).view(">u8").astype(np.uint64)

_INSETS: Final = (0.025, 0.05)
"""The views inside of a picture: shares of width and height that are cut off on each side."""

_FLAT: Final = 64.0
"""Half of the details of a flat picture are weaker. White noise of one grey level in the shrunk picture is as strong.

The median detail of each of 2,105 photographs and 2,181 product images is 180 or more, that of a clear sky is 16."""

_ROUNDING: Final = 1e-6
"""More than any error of rounding in a detail."""

_LEAST: Final = 64
"""Fewest pixels a side after the first, coarse reduction."""

_TOLERANCE: Final = 8
"""Largest difference, in grey levels, between a border and the pixel in its corner."""

_SMALLEST: Final = 8
"""Fewest pixels a side, after the reduction, that a border may leave."""


def sketch(grey: Image.Image) -> bytes:
    """Return the sketch of a greyscale image: 32 bytes a view, or no byte for a flat picture.

    1. The first view is the whole picture.
    2. The next views lack 2.5 % and 5 % of the picture on each side. A crop resembles such a view.
    3. A picture with a border of one grey level has a last view without the border.

    Each bit is the sign of a DCT coefficient (Zauner, 2010). The threshold is 0 instead of the median, so that the
    sketch of the mirrored picture follows from the bits (`mirrored`). The length of a view is that of PDQ.

    Source of PDQ: Davis and Rosen, 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm".
    """
    small = grey.reduce(factor) if (factor := min(grey.size) // _LEAST) > 1 else grey
    width, height = small.size
    boxes = [(0.0, 0.0, float(width), float(height))]
    boxes += [(width * inset, height * inset, width * (1 - inset), height * (1 - inset)) for inset in _INSETS]
    if (inside := _inside_of_border(small)) is not None:
        boxes.append(inside)
    views = [small.resize((_SIDE, _SIDE), Image.Resampling.HAMMING, box=box) for box in boxes]
    levels = np.frombuffer(b"".join([view.tobytes() for view in views]), np.uint8)
    frames = levels.reshape(-1, _SIDE, _SIDE).astype(np.float64)
    details = (_COSINES @ frames @ _COSINES.T).reshape(len(views), -1)
    if 2 * np.count_nonzero(np.abs(details[0]) < _FLAT) > len(_PLACES):
        return b""
    signs = details[:, _PLACES] > _ROUNDING
    signs[:, 0] = False  # the mean brightness
    return np.packbits(signs, axis=1).tobytes()


def unpack(sketches: bytes) -> NDArray[np.uint64]:
    """Return the views [views, WORDS] of sketches that follow each other."""
    return np.frombuffer(sketches, ">u8").astype(np.uint64).reshape(-1, WORDS)


def mirrored(views: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the views [views, WORDS] of the pictures mirrored left to right."""
    return views ^ _MIRRORED


def _inside_of_border(small: Image.Image) -> tuple[float, float, float, float] | None:
    """Return the box inside a border of one grey level; None if there is no border, or hardly anything else."""
    levels, width = small.tobytes(), small.width
    corner = levels[0]
    sides = (levels[:width], levels[-width:], levels[::width], levels[width - 1 :: width])
    if all(max(side) > corner + _TOLERANCE or min(side) < corner - _TOLERANCE for side in sides):
        return None  # the usual case, found in a fraction of the time
    box = small.point(_differing(corner)).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < _SMALLEST:
        return None
    left, top, right, bottom = map(float, box)
    return left, top, right, bottom


@cache
def _differing(corner: int) -> list[int]:
    """Return 255 for each grey level that differs from the level of the corner, and 0 for each other level."""
    return [255 * (abs(level - corner) > _TOLERANCE) for level in range(256)]
