"""A small set of images with nothing wrong, to plant defects in; the pictures are those of the built-in source."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from PIL import Image

from model.sources.labelled_image import LabelledImage
from model.sources.synthetic import Order, draw_image


@cache
def clean_images(count: int = 200) -> tuple[LabelledImage, ...]:
    """70 % of each class to train on, 15 % val, 15 % test; real and AI by turns."""
    return tuple(_clean_image(number, count) for number in range(count))


def _clean_image(number: int, count: int) -> LabelledImage:
    place = number // 2 % 20
    split = "train" if place < 14 else "val" if place < 17 else "test"
    image = draw_image(Order(images=count), number)
    return replace(image, split=split, origin=f"{split}/{image.label}/IMG_{number:04d}.jpg")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def encoded(picture: Image.Image, format_: str = "JPEG", **options: object) -> bytes:
    """Encode a picture; a JPEG has quality 90 unless `options` of Pillow's encoder say otherwise."""
    buffer = io.BytesIO()
    settings = {"quality": 90, **options} if format_ == "JPEG" else options
    picture.save(buffer, format_, **settings)  # type: ignore[arg-type]  # Pillow's options differ by format
    return buffer.getvalue()


def rotated(picture: Image.Image) -> bytes:
    """Encode a picture lying on its side, and say so in its EXIF."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture.rotate(90, expand=True), exif=exif)


def recode(image: LabelledImage, encode: Callable[[Image.Image], bytes], **changes: object) -> LabelledImage:
    """Encode an image of the set anew, in another way."""
    return replace(image, data=encode(opened(image.data)), **changes)
