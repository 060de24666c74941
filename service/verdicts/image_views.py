"""Turns an image file into the pixels that the detector sees, with the facts of the file."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import InvalidImage
from model.images.decoding import DecodedImage, Limits, decode, load, open_image
from model.images.degradations import DEGRADATIONS, LONGEST_JPEG_SIDE, RESHIPPED
from model.images.frames import has_more_frames
from model.images.notes import Note
from model.images.preprocess import Preprocess
from model.images.provenance.findings import Finding
from model.images.provenance.reading import read_provenance
from model.images.quality import Picture, examine
from service.answers.verdict import ImageFacts
from service.protection.bodies import BATCH_WEIGHT

RESHIP_PIXELS: Final = 4_000_000
"""A larger image is reduced to so many pixels before it is re-shipped, as most services that pass pictures on do."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An image ready for the detector, and how many seconds each step took.

    `bytes` is the size of its file, `jpeg_quality` (1-100) is None if the file is no JPEG.
    `evidence` is what the file's metadata says, `notes` what makes a verdict on the picture doubtful.
    `views` [n, size, size, 3] uint8 begins with the image as it came. The re-shipped versions follow if its stability
    is examined. The decoded picture is not kept: the pictures of a batch may not fit into memory together.
    """

    image: ImageFacts
    bytes: int
    jpeg_quality: int | None
    evidence: tuple[Finding, ...]
    notes: tuple[Note, ...]
    views: NDArray[np.uint8]
    decode: float
    preprocess: float
    total: float


def look(data: bytes, preprocess: Preprocess, *, limits: Limits, reship: bool, trust_list: str = "") -> Seen:
    """Decode and preprocess the image in `data`; with `reship` add its re-shipped versions. Raises InvalidImage.

    `trust_list` names whose signatures on Content Credentials are trusted, see `read_credentials`.
    """
    started = perf_counter()
    opened = open_image(data, limits=limits)
    return _finish(opened, data, preprocess, limits=limits, reship=reship, trust_list=trust_list, started=started)


def count_pixels(data: bytes, *, limits: Limits) -> int:
    """Return the number of pixels by the header of the image in `data`, 0 if the image cannot be accepted."""
    try:
        image = open_image(data, limits=limits)
    except InvalidImage:
        return 0
    return image.width * image.height


def look_at_all(
    files: Sequence[bytes], preprocess: Preprocess, *, limits: Limits, reship: bool, trust_list: str = ""
) -> Iterator[Seen | InvalidImage]:
    """Decode and preprocess each file in turn; yield an InvalidImage in place of an image that is not accepted.

    Together the images may have BATCH_WEIGHT times the pixels of the largest image. Images beyond this are not
    accepted.
    """
    left = BATCH_WEIGHT * limits.max_pixels
    for data in files:
        started = perf_counter()
        try:
            opened = open_image(data, limits=limits)
            left -= _check_room(opened, left)  # counts before decoding: a damaged image takes time too
            yield _finish(
                opened, data, preprocess, limits=limits, reship=reship, trust_list=trust_list, started=started
            )
        except InvalidImage as error:
            # A new error, since the traceback of `error` keeps the pixels decoded so far in memory.
            yield InvalidImage(error.reason, str(error))


def _finish(
    opened: Image.Image,
    data: bytes,
    preprocess: Preprocess,
    *,
    limits: Limits,
    reship: bool,
    trust_list: str,
    started: float,
) -> Seen:
    if reship and max(opened.size) > LONGEST_JPEG_SIDE:
        raise InvalidImage(
            "too_many_pixels",
            f"the image has {opened.width} x {opened.height} pixels; the check of stability stores it as JPEG, with"
            f" at most {LONGEST_JPEG_SIDE:,} pixels a side: leave out `stability`, or send a smaller image",
        )
    animated = has_more_frames(opened, data)
    decoded = load(opened, least_side=preprocess.least_side)
    whole = _whole(decoded, data, limits) if reship else None
    decoded_at = perf_counter()
    views = _see(decoded, whole, preprocess)
    preprocessed_at = perf_counter()
    evidence = read_provenance(data, format_=decoded.format, trust_list=trust_list)
    picture = Picture(
        width=decoded.width,
        height=decoded.height,
        jpeg_quality=decoded.jpeg_quality,
        animated=animated,
        rgb=decoded.rgb,
        seen=views[0],
    )
    return Seen(
        image=ImageFacts(
            sha256=hashlib.sha256(data).hexdigest(),
            format=decoded.format,
            width=decoded.width,
            height=decoded.height,
        ),
        bytes=len(data),
        jpeg_quality=decoded.jpeg_quality,
        evidence=evidence,
        notes=examine(picture),
        views=views,
        decode=decoded_at - started,
        preprocess=preprocessed_at - decoded_at,
        total=perf_counter() - started,
    )


def _whole(decoded: DecodedImage, data: bytes, limits: Limits) -> Image.Image:
    """Return every pixel of the image in `data`, of which `decoded` may hold fewer."""
    if decoded.rgb.size == (decoded.width, decoded.height):
        return decoded.rgb
    return decode(data, limits=limits).rgb


def _see(decoded: DecodedImage, whole: Image.Image | None, preprocess: Preprocess) -> NDArray[np.uint8]:
    """Return the views of an image: preprocessed as it came, then the re-shipped versions of `whole`, if any."""
    pixels = preprocess(decoded.rgb, box=decoded.box)[np.newaxis]
    if whole is None:
        return pixels
    shared = _reduce(whole)
    reshipped = [preprocess(DEGRADATIONS[name](shared)) for name in RESHIPPED]
    return np.concatenate([pixels, np.stack(reshipped)])


def _reduce(rgb: Image.Image) -> Image.Image:
    """Return the image, reduced in proportion to about RESHIP_PIXELS if it has more."""
    factor = sqrt(RESHIP_PIXELS / (rgb.width * rgb.height))
    if factor >= 1:
        return rgb
    size = max(1, round(rgb.width * factor)), max(1, round(rgb.height * factor))
    return rgb.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _check_room(image: Image.Image, left: int) -> int:
    """Return the number of pixels of `image`; raises InvalidImage when fewer pixels are `left` to the batch."""
    pixels = image.width * image.height
    if pixels > left:
        raise InvalidImage(
            "too_many_pixels",
            f"the image has {image.width} x {image.height} pixels, but the images before it left {left:,} to the batch:"
            " send it in another batch",
        )
    return pixels
