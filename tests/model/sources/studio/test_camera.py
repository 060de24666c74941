import numpy as np
import pytest

from model.sources.studio.camera import take_photograph
from model.sources.studio.canvas import Canvas, Plane
from model.sources.studio.scenes import draw_scene


def photograph_card(light: float, seed: int = 0) -> Canvas:
    """Photograph an evenly lit grey card."""
    return take_photograph(np.full((64, 64, 3), light, dtype=np.float32), np.random.default_rng(seed))


def green(photograph: Canvas) -> Plane:
    """The green of a photograph, without its borders."""
    plane: Plane = photograph[8:-8, 8:-8, 1]
    return plane


def test_a_photograph_is_made_of_display_values() -> None:
    photograph = take_photograph(draw_scene(np.random.default_rng(0), size=64), np.random.default_rng(0))
    assert photograph.shape == (64, 64, 3)
    assert photograph.dtype == np.float32
    assert photograph.min() >= 0.0
    assert photograph.max() <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_white_balance_keeps_a_grey_card_grey_and_gamma_lifts_it(seed: int) -> None:
    means = photograph_card(0.2, seed).mean(axis=(0, 1))
    assert np.ptp(means) < 0.03
    assert 0.38 < means.mean() < 0.52


def test_shot_noise_grows_with_the_light() -> None:
    dark, bright = (
        np.median([green(photograph_card(light, seed) ** 2.2).std() for seed in range(9)]) for light in (0.05, 0.6)
    )
    assert bright > 2 * dark > 0


def test_the_mosaic_leaves_its_parity_in_the_grain() -> None:
    """Interpolated cells average the noise of measured ones: the variance of green alternates like a chessboard."""
    cards = [green(photograph_card(0.3, seed)) for seed in range(40)]
    variance = np.mean([np.square(card - card.mean()) for card in cards], axis=0)
    row, column = np.indices(variance.shape)
    measured, interpolated = variance[(row + column) % 2 == 1], variance[(row + column) % 2 == 0]
    assert measured.mean() > 1.2 * interpolated.mean()


def test_a_photograph_is_sharp_enough_to_recognise_its_scene() -> None:
    scene = np.clip(draw_scene(np.random.default_rng(1), size=64), 0.0, 1.0) ** (1 / 2.2)
    photograph = take_photograph(draw_scene(np.random.default_rng(1), size=64), np.random.default_rng(1))
    assert np.corrcoef(scene.ravel(), photograph.ravel())[0, 1] > 0.95
