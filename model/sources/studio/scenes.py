"""Draws procedural still lifes: a few product-like bodies on a table before a wall, in linear light."""

import colorsys

import numpy as np

from model.sources.studio.bodies import (
    PROFILES,
    Colour,
    Light,
    Material,
    Place,
    cast_shadow,
    paint_carton,
    paint_turned,
)
from model.sources.studio.canvas import Canvas, pixel_grid, smoothstep
from model.sources.studio.textures import GROUNDS, TEXTURES, Texture, TextureMaker, value_noise

_BODIES = (1, 1, 2, 2, 2, 3, 3, 4)
_CARTON_SHARE = 0.25


def draw_scene(rng: np.random.Generator, *, size: int) -> Canvas:
    """Draw a scene of `size` x `size` pixels: float32 [size, size, 3], linear light, mostly within 0..1."""
    light, hue, horizon = _draw_light(rng), rng.random(), rng.uniform(0.25, 0.5)
    canvas = _draw_room(rng, size=size, horizon=horizon, hue=hue, light=light)
    count = _BODIES[rng.integers(len(_BODIES))]
    slots = rng.permutation(count)
    # From the back to the front, so that nearer bodies hide farther ones.
    for y, slot in zip(np.sort(rng.uniform(horizon + 0.2, 0.9, count)).tolist(), slots.tolist(), strict=True):
        x = 0.5 + 0.75 * ((slot + 0.5) / count - 0.5) + rng.uniform(-0.06, 0.06)
        extent = rng.uniform(0.3, 0.48) * (0.55 + 0.55 * y) / (0.85 + 0.15 * count)
        _place_body(canvas, rng, x=x, y=y, extent=extent, hue=hue, light=light)
    return np.clip(canvas, 0.0, None)


def _draw_light(rng: np.random.Generator) -> Light:
    right, up, near = rng.uniform(-0.9, 0.9), rng.uniform(0.7, 1.1), rng.uniform(0.3, 0.9)
    length = float(np.sqrt(right * right + up * up + near * near))
    return Light(toward=(right / length, up / length, near / length), ambient=rng.uniform(0.3, 0.55))


def _draw_room(rng: np.random.Generator, *, size: int, horizon: float, hue: float, light: Light) -> Canvas:
    """Draw a wall that is brighter toward the window, and a table that meets it in an edge or a sweep."""
    x, y = pixel_grid(size)
    wall = _colour(hue + rng.uniform(-0.1, 0.1), rng.uniform(0.03, 0.35), rng.uniform(0.5, 0.98))
    sweep = rng.random() < 0.4
    table = wall if sweep else _colour(rng.normal(0.08, 0.06), rng.uniform(0.05, 0.5), rng.uniform(0.35, 0.95))
    ground = Material(first=table, second=table * rng.uniform(0.35, 0.8), texture=_pick(rng, GROUNDS), gloss=0.0)

    glow = np.exp(-((x - 0.5 - 0.45 * light.toward[0]) ** 2 + (y - 0.2) ** 2) / rng.uniform(0.15, 0.5))
    mottled = value_noise(rng)(x * 4.0, y * 4.0)
    wall_lit = (0.6 + 0.4 * glow + 0.08 * mottled)[..., np.newaxis] * wall
    # Perspective: the table's texture shrinks toward the horizon.
    depth = 1.0 / (0.3 + np.clip(y - horizon, 0.0, None))
    table_lit = ground.albedo((x - 0.5) * depth * 0.6, depth) * (0.7 + 0.3 * y)[..., np.newaxis]
    softness = 0.3 if sweep else 2.0 / size
    return wall_lit + smoothstep(horizon, horizon + softness, y)[..., np.newaxis] * (table_lit - wall_lit)


def _place_body(
    canvas: Canvas, rng: np.random.Generator, *, x: float, y: float, extent: float, hue: float, light: Light
) -> None:
    """Put one body of about `extent` (a share of the picture) with its shadow on the table."""
    first = _colour(hue + rng.normal(0.35, 0.2), rng.uniform(0.2, 0.85), rng.uniform(0.35, 0.95))
    second = _colour(hue + rng.normal(0.5, 0.25), rng.uniform(0.05, 0.6), rng.uniform(0.15, 1.0))
    material = Material(first=first, second=second, texture=_pick(rng, TEXTURES), gloss=rng.uniform(0.0, 0.7) ** 2)
    if rng.random() < _CARTON_SHARE:
        aspect = rng.uniform(0.6, 1.8)
        place = Place(x=x, y=y, radius=extent / 2 / aspect**0.5, height=extent * aspect**0.5)
        cast_shadow(canvas, place, light)
        paint_carton(canvas, rng.uniform(0.35, 1.1), place, material, light)
    else:
        profile = PROFILES[rng.integers(len(PROFILES))]
        place = Place(x=x, y=y, radius=extent / 2 / profile.aspect**0.5, height=extent * profile.aspect**0.5)
        cast_shadow(canvas, place, light)
        paint_turned(canvas, profile, place, material, light)


def _pick(rng: np.random.Generator, makers: tuple[TextureMaker, ...]) -> Texture:
    return makers[rng.integers(len(makers))](rng)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    """Return the linear RGB of a colour given by hue (in turns), saturation and value (0..1)."""
    return np.asarray(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), dtype=np.float32) ** np.float32(2.2)
