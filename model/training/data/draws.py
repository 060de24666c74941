"""Random numbers for an epoch, drawn up front: switching one augmentation on does not change the others."""

from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray


class Of(IntEnum):
    """The columns of Luck: what each random number decides."""

    MIRROR = 0
    TOP = auto()
    LEFT = auto()
    CROP = auto()
    CROP_SIDE = auto()
    CROP_TOP = auto()
    CROP_LEFT = auto()
    COLOUR = auto()
    BRIGHTNESS = auto()
    CONTRAST = auto()
    SATURATION = auto()
    NOISE = auto()
    NOISE_STRENGTH = auto()
    NOISE_SEED = auto()
    RESIZE = auto()
    RESIZE_SIDE = auto()
    RESIZE_FILTER = auto()
    BLUR = auto()
    BLUR_RADIUS = auto()
    JPEG = auto()
    JPEG_QUALITY = auto()
    JPEG_SUBSAMPLING = auto()
    WEBP = auto()
    WEBP_QUALITY = auto()
    MIXUP = auto()
    CUTMIX = auto()
    SHARE = auto()
    CUT_TOP = auto()
    CUT_LEFT = auto()


Luck = NDArray[np.float32]
"""Random numbers [N, len(Of)], uniform in [0, 1): one row for each image that an epoch shows."""


def draw_luck(count: int, random: np.random.Generator) -> Luck:
    """Draw the random numbers of `count` images."""
    return random.random((count, len(Of)), dtype=np.float32)


def between(low: float, high: float, luck: Luck) -> Luck:
    """Scale luck from [0, 1) to [low, high)."""
    return np.float32(low) + np.float32(high - low) * luck
