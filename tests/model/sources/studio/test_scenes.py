import numpy as np
import pytest

from model.sources.studio.bodies import (
    PROFILES,
    Light,
    Material,
    Place,
    Profile,
    cast_shadow,
    paint_carton,
    paint_turned,
)
from model.sources.studio.canvas import Canvas, pixel_grid
from model.sources.studio.scenes import draw_scene
from model.sources.studio.textures import GROUNDS, TEXTURES, TextureMaker

FROM_THE_LEFT = Light(toward=(-0.6, 0.6, 0.529), ambient=0.3)
RED = Material(
    first=np.array([0.6, 0.1, 0.1], dtype=np.float32),
    second=np.array([0.6, 0.1, 0.1], dtype=np.float32),
    texture=lambda u, v: 0.0 * (u + v),
    gloss=0.0,
)
MIDDLE = Place(x=0.5, y=0.8, radius=0.2, height=0.5)


def grey(size: int = 64) -> Canvas:
    return np.full((size, size, 3), 0.5, dtype=np.float32)


@pytest.mark.parametrize("size", [32, 64, 100])
def test_a_scene_is_light_that_never_falls_below_zero(size: int) -> None:
    for seed in range(20):
        scene = draw_scene(np.random.default_rng(seed), size=size)
        assert scene.shape == (size, size, 3)
        assert scene.dtype == np.float32
        assert np.isfinite(scene).all()
        assert scene.min() >= 0.0
        assert 0.02 < scene.mean() < 0.9


def test_a_scene_is_the_same_at_any_resolution() -> None:
    small, large = (draw_scene(np.random.default_rng(3), size=size) for size in (32, 128))
    shrunk = large.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - shrunk).mean() < 0.03


def test_scenes_differ() -> None:
    scenes = [draw_scene(np.random.default_rng(seed), size=32) for seed in range(12)]
    nearest = [np.abs(a - b).mean() for i, a in enumerate(scenes) for b in scenes[:i]]
    assert min(nearest) > 0.02


@pytest.mark.parametrize("make", dict.fromkeys((*TEXTURES, *GROUNDS)), ids=lambda make: make.__name__)
def test_a_texture_is_a_share_that_varies(make: TextureMaker) -> None:
    x, y = pixel_grid(64)
    share = make(np.random.default_rng(0))(3.0 * x - 1.5, y)
    assert share.shape == (64, 64)
    assert share.min() >= 0.0
    assert share.max() <= 1.001
    assert share.std() > 0.01


@pytest.mark.parametrize("profile", PROFILES)
def test_a_turned_body_is_painted_where_it_stands_and_lit_from_the_window(profile: Profile) -> None:
    canvas = grey()
    paint_turned(canvas, profile, MIDDLE, RED, FROM_THE_LEFT)
    assert (canvas[:, :16] == 0.5).all()
    assert (canvas[:, -16:] == 0.5).all()
    body = canvas[40, :, 0] / canvas[40, :, 1]
    assert body[32] == pytest.approx(6.0, rel=0.01)
    assert canvas[36, 26:32].mean() > canvas[36, 33:39].mean()


def test_a_carton_shows_its_lit_face_brighter() -> None:
    canvas = grey()
    paint_carton(canvas, 0.7, MIDDLE, RED, FROM_THE_LEFT)
    assert canvas[35, 28, 0] > canvas[35, 36, 0]


def test_a_shadow_falls_away_from_the_window_and_is_soft() -> None:
    canvas = grey()
    cast_shadow(canvas, MIDDLE, FROM_THE_LEFT)
    assert canvas[:, 40:].mean() < canvas[:, :24].mean()
    assert canvas.max() <= 0.5
    assert np.abs(np.diff(canvas[..., 0], axis=1)).max() < 0.12
