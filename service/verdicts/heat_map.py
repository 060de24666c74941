"""Draws the heat map of an explanation as a picture to lay over the image that was judged."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGEST_SIDE: Final = 512
"""Most pixels of the longer side; the map is smooth, so a browser can enlarge it to the size of the picture."""

_WEAK: Final = np.array([255, 214, 10], np.float32)
_STRONG: Final = np.array([214, 20, 40], np.float32)
_DEEPEST: Final = 0.75
"""Opacity of the map where it is strongest."""
_UNSEEN: Final = (128, 128, 128, 150)
"""Colour (RGBA) of the edges that the detector does not look at."""


def draw_overlay(importance: NDArray[np.float32], *, width: int, height: int) -> bytes:
    """Draw a map [h, w] of the picture's central square as a transparent PNG, in proportion `width` to `height`.

    Positive values are yellow to red, and more opaque the higher they are. Other values are transparent. The edges
    outside the square are grey: the detector never saw them (see `model.images.preprocess.Preprocess`).
    """
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    shown = max(1, round(width * scale)), max(1, round(height * scale))
    side = min(shown)
    overlay = Image.new("RGBA", shown, _UNSEEN)
    overlay.paste(_colour(importance, side), ((shown[0] - side) // 2, (shown[1] - side) // 2))
    file = io.BytesIO()
    overlay.save(file, "PNG")
    return file.getvalue()


def _colour(importance: NDArray[np.float32], side: int) -> Image.Image:
    loudest = float(importance.max())
    relative = importance / loudest if loudest > 0 else np.zeros_like(importance)
    smooth = Image.fromarray(relative).resize((side, side), Image.Resampling.BICUBIC)
    strength = np.asarray(smooth).clip(0, 1)[..., np.newaxis]
    cover = 255 * _DEEPEST * strength
    colour = _WEAK + (_STRONG - _WEAK) * strength
    return Image.fromarray(np.concatenate([colour, cover], axis=2).round().astype(np.uint8))
