import numpy as np
import pytest

from model.sources.studio.artefacts import FAMILIES, PATCH, checkerboard, nearest, patch, smooth
from model.sources.studio.camera import take_photograph
from model.sources.studio.canvas import Canvas
from model.sources.studio.scenes import draw_scene


@pytest.fixture(scope="module")
def photograph() -> Canvas:
    rng = np.random.default_rng(5)
    return take_photograph(draw_scene(rng, size=64), rng)


def draw(family: str, picture: Canvas, strength: float = 1.0) -> Canvas:
    return FAMILIES[family](picture, np.random.default_rng(0), strength)


def spectrum(picture: Canvas) -> Canvas:
    """Mean power of the picture's luminance by frequency, [64, 64], with frequency 0 at [0, 0]."""
    luminance = picture.mean(axis=2)
    return np.square(np.abs(np.fft.fft2(luminance - luminance.mean())))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_keeps_shape_type_and_mean_colour(photograph: Canvas, family: str) -> None:
    drawn = draw(family, photograph)
    assert drawn.shape == photograph.shape
    assert drawn.dtype == np.float32
    assert drawn.mean(axis=(0, 1)) == pytest.approx(photograph.mean(axis=(0, 1)), abs=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stronger_artefact_changes_more(photograph: Canvas, family: str) -> None:
    faint, strong = (np.abs(draw(family, photograph, strength) - photograph).mean() for strength in (0.3, 1.0))
    assert 0.0 < faint < strong < 0.06


def test_checkerboard_modulates_with_periods_of_two_and_four_pixels(photograph: Canvas) -> None:
    before, after = spectrum(photograph), spectrum(checkerboard(photograph, np.random.default_rng(0), 1.0))
    for frequency in (16, 32):
        assert after[0, frequency] > 10 * before[0, frequency]
        assert after[frequency, 0] > 10 * before[frequency, 0]


def test_nearest_repeats_the_low_frequencies_at_the_high_ones(photograph: Canvas) -> None:
    original = spectrum(photograph)
    added = spectrum(nearest(photograph, np.random.default_rng(0), 1.0) - photograph)
    # Doubling copies every frequency half the spectrum (32 of 64) away, as far as a square of two pixels lets it pass.
    frequencies = np.arange(1, 9)
    expected = original[0, frequencies] * np.sin(np.pi * frequencies / 64) ** 2
    copies = added[0, 32 + frequencies]
    assert np.corrcoef(np.log(expected), np.log(copies))[0, 1] > 0.9
    assert copies.sum() > 10 * added[0, frequencies].sum()


def test_smooth_takes_the_grain_but_leaves_the_edges(photograph: Canvas) -> None:
    drawn = smooth(photograph, np.random.default_rng(0), 1.0)
    before, after = (np.abs(np.diff(picture.mean(axis=2), axis=1)) for picture in (photograph, drawn))
    grain, edge = (np.quantile(after, share) / np.quantile(before, share) for share in (0.5, 0.995))
    assert grain < 0.5
    assert edge > 0.6


def test_patch_breaks_at_the_borders_of_its_patches(photograph: Canvas) -> None:
    steps = np.abs(np.diff(patch(photograph, np.random.default_rng(0), 1.0), axis=1)).mean(axis=(0, 2))
    borders = steps[PATCH - 1 :: PATCH].mean()
    assert borders > 1.5 * np.delete(steps, np.s_[PATCH - 1 :: PATCH]).mean()
