"""Turns an image into the uint8 array that a detector takes; training, evaluation and serving share it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Preprocess:
    """Scale the shorter side to `size` pixels (bicubic, antialiased), then cut the central square.

    The result is deterministic. Pixels are not normalised: the detector's graph does that.
    """

    size: int

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """Turn an RGB image of any size into an array [size, size, 3] of uint8."""
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        if side == self.size:
            square = image.crop((int(left), int(top), int(left) + side, int(top) + side))
        else:
            square = image.resize(
                (self.size, self.size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
            )
        return np.asarray(square, dtype=np.uint8)
