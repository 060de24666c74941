"""Ordinary traffic for the tiny detector: noise of every brightness; it calls the bright half AI."""

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.images.fingerprint import Fingerprint, fingerprint
from model.images.preprocess import Preprocess

SIZE = (48, 40)
KINDS = (("JPEG", 75), ("JPEG", 90), ("PNG", None))


def draw_ordinary(count: int, *, seed: int) -> list[bytes]:
    """Return files of several kinds, equally often, of all levels of brightness, in random order."""
    random = np.random.default_rng(seed)
    return [
        _draw(level, number, random) for number, level in enumerate(random.permutation(np.linspace(20, 235, count)))
    ]


@cache
def look_at_ordinary(count: int, *, seed: int, size: int) -> tuple[NDArray[np.uint8], tuple[Fingerprint, ...]]:
    """Return the pixels that a detector of that input size sees [count, size, size, 3], and the facts of the files."""
    files = draw_ordinary(count, seed=seed)
    preprocess = Preprocess(size)
    return np.stack([preprocess.read(file) for file in files]), tuple(map(fingerprint, files))


def _draw(level: float, number: int, random: np.random.Generator) -> bytes:
    noise = random.integers(-10, 11, (SIZE[1], SIZE[0], 3))
    kind, quality = KINDS[number % len(KINDS)]
    file = io.BytesIO()
    image = Image.fromarray((level + noise).clip(0, 255).astype(np.uint8))
    image.save(file, kind, **{} if quality is None else {"quality": quality})
    return file.getvalue()
