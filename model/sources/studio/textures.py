"""Procedural textures: the share of the second of two colours at each point of a surface."""

from collections.abc import Callable

import numpy as np

from model.sources.studio.canvas import Plane, smoothstep

Texture = Callable[[Plane, Plane], Plane]
"""Surface coordinates u, v (a unit is about the object's height) -> share of the second colour, 0..1."""

TextureMaker = Callable[[np.random.Generator], Texture]

_LATTICE = 32


def value_noise(rng: np.random.Generator) -> Texture:
    """Return smooth random values in 0..1 that vary over one unit of u and v and repeat every 32 units."""
    lattice = rng.random((_LATTICE, _LATTICE), dtype=np.float32)

    def texture(u: Plane, v: Plane) -> Plane:
        column, row = np.floor(u), np.floor(v)
        s, t = u - column, v - row
        s, t = s * s * (3.0 - 2.0 * s), t * t * (3.0 - 2.0 * t)
        left, top = column.astype(np.int32) % _LATTICE, row.astype(np.int32) % _LATTICE
        right, below = (left + 1) % _LATTICE, (top + 1) % _LATTICE
        upper = lattice[top, left] * (1.0 - s) + lattice[top, right] * s
        lower = lattice[below, left] * (1.0 - s) + lattice[below, right] * s
        return upper * (1.0 - t) + lower * t

    return texture


def plain(rng: np.random.Generator) -> Texture:
    """Return a texture of one colour, faintly and slowly mottled."""
    noise, cells = value_noise(rng), rng.uniform(2.0, 5.0)
    return lambda u, v: 0.25 * noise(u * cells, v * cells)


def stripes(rng: np.random.Generator) -> Texture:
    """Return parallel bands at any angle."""
    angle, count, phase = rng.uniform(0.0, np.pi), rng.uniform(2.0, 6.0), rng.random()
    across, along = float(np.cos(angle)) * count, float(np.sin(angle)) * count

    def texture(u: Plane, v: Plane) -> Plane:
        wave = np.sin(2.0 * np.pi * (across * u + along * v + phase))
        return smoothstep(-0.4, 0.4, wave)

    return texture


def dots(rng: np.random.Generator) -> Texture:
    """Return round spots on a square lattice."""
    count, radius = rng.uniform(3.0, 6.0), rng.uniform(0.2, 0.38)

    def texture(u: Plane, v: Plane) -> Plane:
        x, y = u * count, v * count
        distance = np.hypot(x - np.floor(x) - 0.5, y - np.floor(y) - 0.5)
        return 1.0 - smoothstep(radius - 0.1, radius + 0.1, distance)

    return texture


def checks(rng: np.random.Generator) -> Texture:
    """Return alternating squares with soft borders."""
    count = rng.uniform(2.0, 4.5)

    def texture(u: Plane, v: Plane) -> Plane:
        wave = np.sin(np.pi * count * u) * np.sin(np.pi * count * v)
        return smoothstep(-0.15, 0.15, wave)

    return texture


def wood(rng: np.random.Generator) -> Texture:
    """Return a grain along u, with wavering rings."""
    noise, rings = value_noise(rng), rng.uniform(4.0, 9.0)

    def texture(u: Plane, v: Plane) -> Plane:
        waver = noise(u * 1.5, v * 6.0)
        ring = v * rings + 1.6 * waver
        return 0.65 * (ring - np.floor(ring)) + 0.35 * noise(u * 3.0, v * 30.0)

    return texture


def marble(rng: np.random.Generator) -> Texture:
    """Return thin veins on a plain ground."""
    coarse, fine, cells = value_noise(rng), value_noise(rng), rng.uniform(1.5, 3.0)

    def texture(u: Plane, v: Plane) -> Plane:
        vein = np.abs(coarse(u * cells, v * cells) + 0.5 * fine(u * 3.0 * cells, v * 3.0 * cells) - 0.75)
        return 0.8 * (1.0 - smoothstep(0.0, 0.16, vein))

    return texture


def speckle(rng: np.random.Generator) -> Texture:
    """Return fine irregular grains, as of stone or felt."""
    noise, cells = value_noise(rng), rng.uniform(14.0, 28.0)
    return lambda u, v: smoothstep(0.35, 0.9, noise(u * cells, v * cells))


def weave(rng: np.random.Generator) -> Texture:
    """Return threads over and under each other, as of cloth."""
    noise, threads = value_noise(rng), rng.uniform(9.0, 16.0)

    def texture(u: Plane, v: Plane) -> Plane:
        cloth: Plane = np.sin(2.0 * np.pi * threads * u) * np.sin(2.0 * np.pi * threads * v)
        return 0.35 + 0.25 * cloth + 0.4 * noise(u * 8.0, v * 8.0)

    return texture


def label(rng: np.random.Generator) -> Texture:
    """Return a paper label with lines of print around the middle."""
    noise, lines, letters = value_noise(rng), rng.uniform(14.0, 20.0), rng.uniform(14.0, 24.0)
    foot, head = rng.uniform(0.12, 0.25), rng.uniform(0.5, 0.68)

    def texture(u: Plane, v: Plane) -> Plane:
        paper = smoothstep(foot, foot + 0.03, v) * (1.0 - smoothstep(head - 0.03, head, v))
        row = v * lines
        printed = smoothstep(0.1, 0.5, np.sin(2.0 * np.pi * row)) * smoothstep(
            0.4, 0.6, noise(u * letters, np.floor(row))
        )
        return paper * (1.0 - 0.8 * printed)

    return texture


TEXTURES: tuple[TextureMaker, ...] = (plain, stripes, dots, checks, wood, marble, speckle, weave, label, label)
"""What products are covered with."""

GROUNDS: tuple[TextureMaker, ...] = (plain, wood, marble, speckle, weave)
"""What tables are covered with."""
