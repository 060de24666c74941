"""Measures how many enlarged and strongly compressed pictures are noted, and how many of the others."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import SOURCE_LIMITS, load, open_image
from model.images.degradations import recode
from model.images.notes import Code
from model.images.preprocess import Preprocess
from model.images.quality import Picture, examine
from model.sources.kinds import read_source
from truegrain_bench.results.results import Figure

PHOTOGRAPHS_VARIABLE: Final = "PHOTOGRAPHS"
"""Environment variable that names a folder or archive of labelled pictures, as telephones and generators make them."""
COMMAND: Final = f"{PHOTOGRAPHS_VARIABLE}=<folder or archive> make bench-full"

INPUTS: Final = (64, 224)
"""Sides of the detectors' inputs, in pixels."""
THUMBNAIL: Final = 2 / 7
"""Sides of a thumbnail, relative to the detector's input: 64 pixels for an input of 224."""
ENLARGED_TO: Final = 512
FILTERS: Final = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
STRONG: Final = 10
USUAL: Final = 75
"""Quality settings of strong and of usual compression."""
MOST: Final = 600
"""Pictures that are examined."""


@dataclass(frozen=True)
class Case:
    """A picture of one kind ('native', 'enlarged', 'squeezed') and the codes of its notes."""

    kind: str
    codes: tuple[Code, ...]


def noted_pictures() -> Iterator[Figure]:
    """Enlarge and compress pictures in several ways; count which of them are noted, in per cent."""
    location = os.environ.get(PHOTOGRAPHS_VARIABLE)
    if location is None:
        return
    cases = Counter(case for picture in _read(location) for case in _treat(picture))
    for code, kind in (("enlarged", "enlarged"), ("compressed", "squeezed")):
        yield Figure(f"notes.{code}_found", _share(cases, kind, code), "%", COMMAND)
        yield Figure(f"notes.{code}_false", _share(cases, "native", code), "%", COMMAND)


def _read(location: str) -> Iterator[Image.Image]:
    """Yield evenly chosen pictures that are larger than every input."""
    images = [image.data for image in read_source(location)]
    for data in islice(images, 0, None, max(1, len(images) // MOST)):
        try:
            picture = load(open_image(data, limits=SOURCE_LIMITS)).rgb
        except InvalidImage:
            continue
        if min(picture.size) >= max(INPUTS):
            yield picture


def _treat(picture: Image.Image) -> Iterator[Case]:
    for size in INPUTS:
        yield Case("native", _note(picture, size))
        for way, filter_ in product((None, USUAL), FILTERS):
            yield Case("enlarged", _note(_enlarge(picture, round(size * THUMBNAIL), filter_, way), size))
        # Saved once more without loss, so that no quantisation table tells.
        yield Case("squeezed", _note(recode(picture, format_="JPEG", quality=STRONG), size))


def _enlarge(picture: Image.Image, side: int, filter_: Image.Resampling, quality: int | None) -> Image.Image:
    """Make a thumbnail whose shorter side is `side`, stored as JPEG at `quality` if there is one, and enlarge it."""
    small = _scale(picture, side, Image.Resampling.BICUBIC)
    stored = small if quality is None else recode(small, format_="JPEG", quality=quality)
    return _scale(stored, ENLARGED_TO, filter_)


def _scale(picture: Image.Image, shorter: int, filter_: Image.Resampling) -> Image.Image:
    factor = shorter / min(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), filter_)


def _note(picture: Image.Image, size: int) -> tuple[Code, ...]:
    """Return the codes of the notes on a picture without a JPEG's quality: what the pixels alone tell."""
    examined = Picture(
        width=picture.width,
        height=picture.height,
        jpeg_quality=None,
        animated=False,
        rgb=picture,
        seen=Preprocess(size)(picture),
    )
    return tuple(note.code for note in examine(examined))


def _share(cases: Counter[Case], kind: str, code: str) -> float:
    of_kind = {case: count for case, count in cases.items() if case.kind == kind}
    noted = sum(count for case, count in of_kind.items() if code in case.codes)
    return round(100 * noted / sum(of_kind.values()), 2)
