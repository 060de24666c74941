"""Array types and pixel coordinates of the pictures that scenes are drawn on."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]
"""One number a pixel, [size, size], float32."""

Canvas = NDArray[np.floating[Any]]
"""A square picture, [size, size, 3], float32, 0 black, 1 white: linear light in a scene, display values in a photo."""


@lru_cache(maxsize=8)
def pixel_grid(size: int) -> tuple[Plane, Plane]:
    """Return x (to the right) and y (down) of the pixels' centres, 0..1, each [size, size] and read-only."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(centres, centres)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def smoothstep(low: float, high: float, x: Plane) -> Plane:
    """Rise from 0 at `low` to 1 at `high`, with slope 0 at both ends."""
    t: Plane = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
