"""Adds the traces that image generators leave in pixels: one function a family, each a known flaw of a kind of decoder.

Every family takes three arguments:

1. a picture: display values 0..1, [size, size, 3], `size` a multiple of PATCH,
2. the random numbers,
3. a strength above 0, at most 1.

A family returns the picture as such a decoder would have drawn it, with the same mean colour. SciPy is imported inside
the functions that need it, because its import would delay the readers of other sources.
"""

from collections.abc import Callable

import numpy as np

from model.sources.studio.canvas import Canvas

PATCH = 4
"""Side, in pixels, of the patches that `patch` quantises."""

Family = Callable[[Canvas, np.random.Generator, float], Canvas]


def checkerboard(picture: Canvas, rng: np.random.Generator, strength: float) -> Canvas:
    """Add the checkerboard of transposed convolutions whose stride does not divide the kernel (Odena et al., 2016).

    Two layers of stride 2 make periods of two and of four pixels.
    """
    steps = np.arange(len(picture))
    gains = np.ones_like(picture)
    for period in (1, 2):
        wave = np.where(steps // period % 2, 1.0, -1.0).astype(np.float32)
        uneven = (strength * rng.uniform(0.02, 0.06, (2, 1)) * rng.uniform(0.7, 1.3, (2, 3))).astype(np.float32)
        gains *= (1.0 + wave[:, np.newaxis, np.newaxis] * uneven[0]) * (1.0 + wave[:, np.newaxis] * uneven[1])
    return picture * gains


def nearest(picture: Canvas, rng: np.random.Generator, strength: float) -> Canvas:
    """Add the copies of the spectrum that nearest-neighbour upsampling makes (Zhang et al., 2019).

    The picture's own fine detail stays, because a generator's layers after the upsampling draw fine detail anew.
    """
    from scipy.ndimage import convolve1d

    size = len(picture)
    coarse = picture.reshape(size // 2, 2, size // 2, 2, 3).mean(axis=(1, 3))
    doubled = coarse.repeat(2, axis=0).repeat(2, axis=1)
    tent = np.array([0.25, 0.5, 0.25], dtype=np.float32)
    copies: Canvas = doubled - convolve1d(convolve1d(doubled, tent, axis=0), tent, axis=1)
    return picture + strength * rng.uniform(1.0, 1.6) * copies


def smooth(picture: Canvas, rng: np.random.Generator, strength: float) -> Canvas:
    """Lose faint detail and grain but keep edges, as the decoder of a diffusion model does (Corvi et al., 2023)."""
    from scipy.ndimage import gaussian_filter

    radius = rng.uniform(0.8, 1.4)
    base: Canvas = gaussian_filter(picture, (radius, radius, 0.0), truncate=3.0)
    detail: Canvas = picture - base
    faint = strength * rng.uniform(0.035, 0.07)
    kept: Canvas = np.sign(detail) * np.maximum(np.abs(detail) - faint, 0.0)
    return base + kept


def patch(picture: Canvas, rng: np.random.Generator, strength: float) -> Canvas:
    """Draw every patch from a codebook (Esser et al., 2021): coarse shapes that do not quite meet at their borders."""
    from scipy.fft import dctn, idctn

    size = len(picture)
    patches = picture.reshape(size // PATCH, PATCH, size // PATCH, PATCH, 3)
    shapes = dctn(patches, axes=(1, 3), norm="ortho")
    step = strength * rng.uniform(0.18, 0.35)
    coded = idctn(np.round(shapes / step) * step, axes=(1, 3), norm="ortho")
    return coded.reshape(picture.shape)


FAMILIES: dict[str, Family] = {
    "checkerboard": checkerboard,
    "nearest": nearest,
    "smooth": smooth,
    "patch": patch,
}
