"""Simulates a small camera: turns a scene in linear light into a photograph."""

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter

from model.sources.studio.canvas import Canvas, Plane, pixel_grid

_TENT = np.array([0.5, 1.0, 0.5], dtype=np.float32)
_SLOPE = np.array([1.0, 0.0, -1.0], dtype=np.float32)

# The Bayer filter (RGGB): row parity, column parity, and the colour that such cells see.
_FILTERS = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2))


def take_photograph(scene: Canvas, rng: np.random.Generator) -> Canvas:
    """Photograph a scene [size, size, 3] in linear light; return display values 0..1 (gamma-encoded) of the same shape.

    The steps, in order: lens blur, vignetting, the illuminant's tint, Bayer mosaic, shot and read noise,
    demosaic, white balance, gamma, sharpening.
    """
    tint = np.array([rng.uniform(0.55, 0.8), 1.0, rng.uniform(0.5, 0.75)], dtype=np.float32)
    balance = rng.uniform(0.97, 1.03, 3).astype(np.float32) / tint
    cells = _expose(_mosaic(_focus(scene, rng) * tint), rng)
    display = np.clip(_demosaic(cells) * balance, 0.0, 1.0) ** np.float32(1 / 2.2)
    return _sharpen(display, rng.uniform(0.2, 0.8))


def _focus(scene: Canvas, rng: np.random.Generator) -> Canvas:
    """Return the light that reaches the sensor, after lens and exposure."""
    x, y = pixel_grid(len(scene))
    vignette = 1.0 - rng.uniform(0.0, 0.5) * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    blur = rng.uniform(0.5, 0.75)
    exposure = rng.uniform(0.75, 1.05)
    return gaussian_filter(scene, (blur, blur, 0.0), truncate=3.0) * (exposure * vignette)[..., np.newaxis]


def _mosaic(light: Canvas) -> Plane:
    """Keep, in each cell, the one colour that the cell's filter lets through."""
    cells = np.empty(light.shape[:2], dtype=np.float32)
    for row, column, colour in _FILTERS:
        cells[row::2, column::2] = light[row::2, column::2, colour]
    return cells


def _expose(cells: Plane, rng: np.random.Generator) -> Plane:
    """Add shot noise, whose variance grows with the light, and read noise."""
    gain, read = 10.0 ** rng.uniform(-3.9, -3.1), rng.uniform(0.001, 0.003)
    noise: Plane = rng.standard_normal(cells.shape, dtype=np.float32) * np.sqrt(gain * cells + read * read)
    return cells + noise


def _demosaic(cells: Plane) -> Canvas:
    """Fill in the colours that each cell missed.

    Green is the mean of the neighbours, mostly of the two along the direction in which it changes less (Hibbard, 1995).
    Red and blue are filled in by their difference from green, which changes less from cell to cell than the colours do.
    """
    red, green, blue = (_seen(cells, colour) for colour in range(3))
    green = _fill_green(green)
    return np.stack([_follow(green, red), green, _follow(green, blue)], axis=-1)


def _seen(cells: Plane, colour: int) -> Plane:
    """Return the cells that saw `colour`, zero elsewhere."""
    seen = np.zeros_like(cells)
    for row, column, passed in _FILTERS:
        if passed == colour:
            seen[row::2, column::2] = cells[row::2, column::2]
    return seen


def _fill_green(seen: Plane) -> Plane:
    down, across = (np.square(convolve1d(seen, _SLOPE, axis=axis, mode="mirror")) + 1e-6 for axis in (0, 1))
    return (_spread(seen, axis=0) * across + _spread(seen, axis=1) * down) / (down + across)


def _follow(green: Plane, seen: Plane) -> Plane:
    difference = np.where(seen != 0.0, seen - green, 0.0)
    return green + _spread(_spread(difference, axis=0), axis=1)


def _spread(cells: Plane, *, axis: int) -> Plane:
    """Interpolate values that stand in every second cell of an axis, with zeros between them."""
    # "mirror" repeats no cell at the border, which keeps the mosaic's parity.
    return convolve1d(cells, _TENT, axis=axis, mode="mirror")


def _sharpen(display: Canvas, amount: float) -> Canvas:
    """Unsharp masking."""
    return np.clip(display + amount * (display - gaussian_filter(display, (1.0, 1.0, 0.0), truncate=3.0)), 0.0, 1.0)
