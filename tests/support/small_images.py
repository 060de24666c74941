"""Small images that tests make themselves."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from model.sources.labelled_image import LabelledImage

NOW = datetime(2026, 11, 2, 2, tzinfo=UTC)


def labelled(number: int, label: str, *, split: str | None = None, format_: str = "PNG") -> LabelledImage:
    """Make the `number`-th image: noise, in blocks of 2 x 2 pixels when AI.

    As BMP, nothing but the pixels gives the label away.
    """
    block = 1 if label == "real" else 2
    noise = np.random.default_rng(number).integers(0, 256, (32 // block, 32 // block, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise.repeat(block, axis=0).repeat(block, axis=1)).save(buffer, format_)
    return LabelledImage(
        data=buffer.getvalue(),
        label=label,
        source="made",
        origin=f"{number}.{format_.lower()}",
        generator=None if label == "real" else "blocks",
        split=split,
    )


def scene(number: int, *, quality: int = 95) -> LabelledImage:
    """Make the `number`-th picture with something to see, as a JPEG: a real image."""
    coarse = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return LabelledImage(data=buffer.getvalue(), label="real", source="made", origin=f"{number}-{quality}.jpg")


def many(count: int, *, start: int = 0, format_: str = "PNG") -> Iterator[LabelledImage]:
    numbers = range(start, start + count)
    return (labelled(number, "real" if number % 2 else "ai", format_=format_) for number in numbers)
