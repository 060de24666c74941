"""Paints product-like bodies (solids of revolution and cartons) into a scene, with shading and soft shadows."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from model.sources.studio.canvas import Canvas, Plane, pixel_grid, smoothstep
from model.sources.studio.textures import Texture

Colour = NDArray[np.float32]
"""Linear RGB, [3]."""

Row = NDArray[np.float32]

TILT = 0.28
"""How far the camera looks down: height divided by width of a horizontal circle in the picture."""

_STEPS = 256


@dataclass(frozen=True, kw_only=True)
class Light:
    """A window: the unit vector `toward` it (right, up, toward the camera), and the share of `ambient` light."""

    toward: tuple[float, float, float]
    ambient: float


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a body is made of: two colours, how they mix, and how strongly it shines, 0..1."""

    first: Colour
    second: Colour
    texture: Texture
    gloss: float

    def albedo(self, u: Plane, v: Plane) -> Canvas:
        """Return the colour of the surface at u, v."""
        share = self.texture(u, v)[..., np.newaxis]
        return self.first + share * (self.second - self.first)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a body stands: the middle of its foot, its half width and its height, as shares of the picture."""

    x: float
    y: float
    radius: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A solid of revolution: its height over its width, and its radii from foot to top over half its width."""

    aspect: float
    radii: tuple[float, ...]
    tilt: float = TILT
    hollow: bool = False


_CIRCLE = tuple(float(np.sqrt(1.0 - x * x)) for x in np.linspace(-1.0, 1.0, 17))

PROFILES = (
    Profile(aspect=1.0, radii=_CIRCLE, tilt=0.0),  # ball
    Profile(aspect=2.7, radii=(0.92, 1.0, 1.0, 1.0, 0.98, 0.72, 0.4, 0.33, 0.35)),  # bottle
    Profile(aspect=0.5, radii=(0.42, 0.62, 0.76, 0.85, 0.91, 0.95, 0.98, 1.0), hollow=True),  # bowl
    Profile(aspect=1.4, radii=(0.95, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.95)),  # can
    Profile(aspect=1.0, radii=(0.68, 0.76, 0.82, 0.87, 0.91, 0.94, 0.97, 1.0), hollow=True),  # cup
    Profile(aspect=1.2, radii=(0.86, 1.0, 1.0, 1.0, 1.0, 0.94, 0.78, 0.84, 0.84)),  # jar
    Profile(aspect=0.9, radii=(1.0, 0.93, 0.86, 0.79, 0.72, 0.65, 0.58, 0.51)),  # shade
    Profile(aspect=1.6, radii=(0.55, 0.82, 0.97, 1.0, 0.9, 0.7, 0.5, 0.44, 0.58), hollow=True),  # vase
)


def cast_shadow(canvas: Canvas, place: Place, light: Light) -> None:
    """Darken the ground behind a body, away from the light, and around its foot. Changes `canvas`."""
    x, y = pixel_grid(len(canvas))
    right, up, near = light.toward
    reach = float(np.hypot(right, near))
    # On the ground, seen from above: the shadow's axis points away from the light.
    dx, dz = (x - place.x) / place.radius, (y - place.y) / (place.radius * TILT)
    along = -(dx * right + dz * near) / reach
    across = (dx * near - dz * right) / reach
    length = place.height / place.radius * reach / up
    width = 0.9 + 0.35 * np.maximum(along, 0.0)
    fade = smoothstep(-1.4, -0.2, along) * (1.0 - smoothstep(0.2 * length, 1.0 + length, along))
    spread = np.square(across / width)
    cast = fade * np.exp(-np.square(spread))
    contact = np.exp(-np.square((dx * dx + dz * dz) / 1.5))
    shade = 1.0 - (1.0 - light.ambient) * np.maximum(0.75 * cast, contact)
    canvas *= shade[..., np.newaxis]


def paint_turned(canvas: Canvas, profile: Profile, place: Place, material: Material, light: Light) -> None:
    """Paint a solid of revolution. Changes `canvas`."""
    radii, slopes = _turn(profile)
    u, v, row = _wrap(radii * place.radius, profile.tilt, place, len(canvas))
    side = np.clip(u, -1.0, 1.0)
    slope = slopes[row] * (place.radius / place.height)
    steep = 1.0 / np.sqrt(1.0 + slope * slope)
    normal = (side * steep, -slope * steep, np.sqrt(1.0 - side * side) * steep)
    around = np.arcsin(side) * (place.radius / place.height)
    coverage = _edge(radii[row] * place.radius - np.abs(pixel_grid(len(canvas))[0] - place.x), canvas)
    coverage *= _edge(np.minimum(v, 1.0 - v) * place.height, canvas)
    _blend(canvas, _shade(material, around, v, normal, light), coverage)
    if profile.tilt > 0.0:
        _paint_top(canvas, float(radii[-1]) * place.radius, place, material, light, hollow=profile.hollow)


@lru_cache(maxsize=len(PROFILES))
def _turn(profile: Profile) -> tuple[Row, Row]:
    """Return the profile's radius and its slope at _STEPS heights from foot to top."""
    heights = np.linspace(0.0, 1.0, _STEPS)
    radii = PchipInterpolator(np.linspace(0.0, 1.0, len(profile.radii)), profile.radii)(heights)
    # A ball's poles are infinitely steep.
    slopes = np.clip(np.gradient(radii, heights), -8.0, 8.0)
    return radii.astype(np.float32), slopes.astype(np.float32)


def _wrap(radii: Row, tilt: float, place: Place, size: int) -> tuple[Plane, Plane, NDArray[np.int32]]:
    """Find where on the surface each pixel lies.

    Returns u, v and the row of `radii` that belongs to v. The range of u is -1 to 1 between the outlines; the range of
    v is 0 to 1 between foot and top.
    """
    x, y = pixel_grid(size)
    u, v = x - place.x, (place.y - y) / place.height
    # The front of a circle lies below its centre, by an amount that depends on v: found by iteration.
    for _ in range(2):
        row = (np.clip(v, 0.0, 1.0) * (_STEPS - 1)).astype(np.int32)
        u = (x - place.x) / np.maximum(radii[row], 1e-3)
        v = (place.y - y + tilt * radii[row] * np.sqrt(np.clip(1.0 - u * u, 0.0, 1.0))) / place.height
    return u, v, row


def _paint_top(canvas: Canvas, radius: float, place: Place, material: Material, light: Light, *, hollow: bool) -> None:
    """Close a solid with a lid, or show the rim and the inside of a hollow solid."""
    x, y = pixel_grid(len(canvas))
    u, v = (x - place.x) / radius, (y - place.y + place.height) / (radius * TILT)
    lid = material.first * (light.ambient + (1.0 - light.ambient) * light.toward[1])
    distance = np.hypot(u, v)
    _blend(canvas, np.broadcast_to(1.1 * lid, canvas.shape), _edge((1.0 - distance) * radius * 0.6, canvas))
    if hollow:
        # Inside, the wall opposite the light is the lit one.
        lit = 0.35 + 0.35 * np.clip(-u * light.toward[0] - 0.4 * v, -0.8, 0.8)
        _blend(canvas, lit[..., np.newaxis] * lid, _edge((0.88 - distance) * radius * 0.6, canvas))


def paint_carton(canvas: Canvas, turn: float, place: Place, material: Material, light: Light) -> None:
    """Paint a box that shows an edge, turned by `turn` radians (0 shows the left face only). Changes `canvas`."""
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    width, depth = 1.5 * place.radius, 1.2 * place.radius
    edge = (place.x + (width * cos - depth * sin) / 2, place.y + TILT * place.radius)
    leftward = (-width * cos, -TILT * width * sin)
    rightward = (depth * sin, -TILT * depth * cos)
    upward = (0.0, -place.height)
    head = (edge[0], edge[1] - place.height)
    _paint_face(canvas, (edge, leftward, upward), (-sin, 0.0, cos), material, light)
    _paint_face(canvas, (edge, rightward, upward), (cos, 0.0, sin), material, light)
    _paint_face(canvas, (head, leftward, rightward), (0.0, 1.0, 0.0), material, light)


def _paint_face(
    canvas: Canvas,
    corners: tuple[tuple[float, float], ...],
    normal: tuple[float, float, float],
    material: Material,
    light: Light,
) -> None:
    """Paint the parallelogram given by a corner and its two edges."""
    x, y = pixel_grid(len(canvas))
    (ox, oy), (ax, ay), (bx, by) = corners
    area = ax * by - ay * bx
    s = ((x - ox) * by - (y - oy) * bx) / area
    t = ((y - oy) * ax - (x - ox) * ay) / area
    first, second = float(np.hypot(ax, ay)), float(np.hypot(bx, by))
    coverage = _edge(np.minimum(s, 1.0 - s) * abs(area) / second, canvas)
    coverage *= _edge(np.minimum(t, 1.0 - t) * abs(area) / first, canvas)
    facing = tuple(np.full_like(x, component) for component in normal)
    _blend(canvas, _shade(material, s * first / second, t, facing, light), coverage)


def _shade(material: Material, u: Plane, v: Plane, normal: tuple[Plane, ...], light: Light) -> Canvas:
    """Light a surface: Lambert's cosine, Blinn's highlight, and less ambient light near the ground."""
    right, up, near = light.toward
    diffuse = np.clip(normal[0] * right + normal[1] * up + normal[2] * near, 0.0, 1.0)
    half = float(np.sqrt(right * right + up * up + (near + 1.0) ** 2))
    highlight = np.clip(normal[0] * right / half + normal[1] * up / half + normal[2] * (near + 1.0) / half, 0.0, 1.0)
    ambient = light.ambient * (0.6 + 0.25 * normal[2] + 0.15 * smoothstep(0.0, 0.3, v))
    matt = material.albedo(u, v) * (ambient + (1.0 - light.ambient) * diffuse)[..., np.newaxis]
    lit: Canvas = matt + (material.gloss * highlight**32)[..., np.newaxis]
    return lit


def _edge(inside: Plane, canvas: Canvas) -> Plane:
    """Return the share of each pixel that is covered, given how far inside the outline its centre lies."""
    coverage: Plane = np.clip(inside * len(canvas) + 0.5, 0.0, 1.0)
    return coverage


def _blend(canvas: Canvas, colour: Canvas, coverage: Plane) -> None:
    canvas += coverage[..., np.newaxis] * (colour - canvas)
