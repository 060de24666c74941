"""Turns an image into the uint8 array that a detector takes; training, evaluation and serving share it."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ConfigDict

from model.images.decoding import SOURCE_LIMITS, Limits, decode

VERSIONS: Final = (1, 2)
"""The versions of preprocessing that this release can repeat."""

_MARGIN: Final = 2
"""How many times the network's input a picture keeps at least before its last resampling."""


@dataclass(frozen=True)
class Preprocess:
    """Scale the shorter side to `size` pixels (bicubic, antialiased), then cut the central square.

    The result is deterministic. Pixels are not normalised: the detector's graph does that.

    `version` says how a picture of at least four times `size` is scaled. Smaller pictures are the same in both.

    1. Version 1 decodes and resamples every pixel.
    2. Version 2 shrinks a picture to at least twice `size` first. A JPEG is decoded at a half, a quarter or an eighth.
       What is still too large is averaged over boxes of whole pixels. A level moves by half a level on average.

    Raises ValueError for a size below 1 and for a version that is not in VERSIONS.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    size: int
    version: int = VERSIONS[-1]

    def __post_init__(self) -> None:
        """Check both."""
        if self.size < 1:
            raise ValueError(f"size is {self.size}; at least 1 pixel is needed")
        if self.version not in VERSIONS:
            raise ValueError(
                f"version {self.version} is none of {', '.join(map(str, VERSIONS))}: a later Truegrain is needed"
            )

    @property
    def least_side(self) -> int | None:
        """The shorter side in pixels that a decoder has to keep; None: all pixels are needed."""
        return _MARGIN * self.size if self.version > 1 else None

    def read(self, data: bytes, *, limits: Limits = SOURCE_LIMITS) -> NDArray[np.uint8]:
        """Turn an image file into an array [size, size, 3] of uint8, decoding no more than needed.

        Raises InvalidImage as `model.images.decoding.decode` does.
        """
        decoded = decode(data, limits=limits, least_side=self.least_side)
        return self(decoded.rgb, box=decoded.box)

    def __call__(
        self, image: Image.Image, *, box: tuple[float, float, float, float] | None = None
    ) -> NDArray[np.uint8]:
        """Turn an RGB image of any size into an array [size, size, 3] of uint8.

        `box` (left, top, right, bottom) is the part of `image` that counts, by default all of it.
        """
        left, top, right, bottom = box or (0, 0, *image.size)
        side = min(right - left, bottom - top)
        left, top = (left + right - side) / 2, (top + bottom - side) / 2
        if side == self.size:
            square = image.crop((int(left), int(top), int(left) + self.size, int(top) + self.size))
        else:
            square = image.resize(
                (self.size, self.size),
                Image.Resampling.BICUBIC,
                box=(left, top, left + side, top + side),
                reducing_gap=_MARGIN if self.version > 1 else None,
            )
        return np.asarray(square, dtype=np.uint8)
