"""Examines a picture for what limits a verdict on it: too few pixels, enlargement, strong compression, parts unseen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.images.notes import Code, Note

LEAST_SIDE: Final = 16
MOST_SIDE: Final = 20_000
"""Sides, in pixels, of the images that training takes; an image beyond them is never judged with certainty."""

SMOOTHEST: Final = 0.28
"""Least detail (see `measure_detail`) of a picture that was not enlarged from a much smaller one."""

BLOCKIEST: Final = 1.7
"""Most blockiness (see `measure_blocks`) of a picture that was not compressed strongly."""

LEAST_QUALITY: Final = 20
"""Least quality setting of a JPEG that was not compressed strongly."""
CLEAN_QUALITY: Final = 85
"""From this quality on a JPEG makes no blocks of its own, so that those in it come from an earlier compression."""

MOST_UNSEEN: Final = 0.4
"""Largest share of a picture that may lie outside the central square without a note: 3:2 is below, 16:9 above."""

_LINES: Final = 32
"""Rows of the detector's input whose detail is measured, and as many columns, or up to twice as many."""
_HARD: Final = 0.5
"""Detail of hard edges."""
_WIDEST: Final = 1_024
_PIXELS: Final = 4_096
"""Pixels of a row, and of all rows, whose blocks are measured, at most."""
_BLOCK: Final = 8
_EDGE: Final = 32
"""A step of more levels than this counts as so many: it belongs to the picture, not to its compression."""
_LEAST_SHARE: Final = 0.3
"""Least share of the blocks with a small step at their border; a drawing of squares has few of them."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is examined of a picture.

    - `width`, `height`: of the file, in pixels, upright.
    - `jpeg_quality`: 1 to 100, None if the file is no JPEG.
    - `animated`: whether the file holds further frames.
    - `rgb`: the decoded picture, which may be smaller than the file says.
    - `seen`: uint8 [size, size, 3], the detector's input.
    """

    width: int
    height: int
    jpeg_quality: int | None
    animated: bool
    rgb: Image.Image
    seen: NDArray[np.uint8]


def examine(picture: Picture) -> tuple[Note, ...]:
    """Return the notes on a picture, none if nothing limits a verdict on it."""
    return tuple(_examine(picture))


def measure_detail(seen: NDArray[np.uint8]) -> float:
    """Return the detail at the finest scale of a square picture, uint8 [size, size, 3].

    This is the mean square of the steps between neighbours, relative to that between pixels two apart. It is 1 for
    noise, 0.5 for hard edges and for one colour, and 0.25 for a smooth picture, such as an enlarged one.
    """
    every = max(1, len(seen) // _LINES)
    lines = np.concatenate([seen[::every, :, 1], seen[:, ::every, 1].T]).astype(np.float32)
    near, far = (lines[:, distance:] - lines[:, :-distance] for distance in (1, 2))
    steps = np.vdot(far, far) / far.size
    return float(np.vdot(near, near) / near.size / steps) if steps else _HARD


def measure_blocks(rgb: Image.Image) -> float:
    """Return how much larger steps between blocks of 8 pixels are than steps within them; about 1 without blocks.

    A few rows of the picture are read, 4,096 pixels in all. The blocks may begin anywhere, as after a crop.
    """
    width = min(rgb.width, _WIDEST) // _BLOCK * _BLOCK
    if width < 2 * _BLOCK:
        return 1.0
    left, rows = (rgb.width - width) // 2, min(rgb.height, _PIXELS // width)
    read = rgb.resize((width, rows), Image.Resampling.NEAREST, box=(left, 0, left + width, rgb.height))
    green = np.asarray(read)[:, :, 1].astype(np.int16)
    steps = np.abs(green[:, _BLOCK:] - green[:, _BLOCK - 1 : -1]).reshape(-1, _BLOCK)
    by_place = np.minimum(steps, _EDGE).sum(0)
    border = int(by_place.argmax())
    if ((steps[:, border] > 0) & (steps[:, border] <= _EDGE)).mean() < _LEAST_SHARE:
        return 1.0
    within = (by_place.sum() - by_place[border]) / (_BLOCK - 1)
    return float(by_place[border] / max(1.0, within))


def _examine(picture: Picture) -> Iterator[Note]:
    shorter, longer = sorted((picture.width, picture.height))
    if shorter < LEAST_SIDE:
        yield _doubt(
            "too_small", f"A side of {shorter} pixels is too few to judge; detectors learn from {LEAST_SIDE} up."
        )
    if longer > MOST_SIDE:
        yield _doubt(
            "outside_range", f"A side of {longer:,} pixels is more than the {MOST_SIDE:,} that training takes."
        )
    if picture.seen[0, 0].tobytes() * picture.seen[..., 0].size == picture.seen.tobytes():
        yield _doubt("blank", "As the detector sees it, the picture has one colour only: there is nothing to judge.")
    elif shorter >= len(picture.seen) and measure_detail(picture.seen) < SMOOTHEST:
        yield _doubt("enlarged", "The picture seems to be enlarged from a much smaller one, which has lost its traces.")
    quality, is_whole = picture.jpeg_quality or CLEAN_QUALITY, picture.rgb.size == (picture.width, picture.height)
    if quality < LEAST_QUALITY:
        yield _doubt("compressed", f"A JPEG of quality {quality} has lost the traces that a verdict needs.")
    elif quality >= CLEAN_QUALITY and is_whole and measure_blocks(picture.rgb) > BLOCKIEST:
        yield _doubt("compressed", "The picture shows the blocks of strong compression, which has removed traces.")
    unseen = 1 - shorter / longer
    if unseen > MOST_UNSEEN:
        part = f"The detector saw {100 * (1 - unseen):.0f} % of the picture, the square in its middle."
        yield Note(code="centre_only", detail=part, unsure=False)
    if picture.animated:
        yield Note(
            code="first_frame", detail="The file holds several frames, and only the first was judged.", unsure=False
        )


def _doubt(code: Code, detail: str) -> Note:
    return Note(code=code, detail=detail, unsure=True)
