"""Whitened features have the same variance in every direction."""

import numpy as np
import pytest

from model.training.release.whitening import fit_whitening


def draw_features(count: int, channels: int, *, widths: np.ndarray) -> np.ndarray:
    """Features around 3 that vary by `widths` along random axes."""
    random = np.random.default_rng(0)
    axes, _ = np.linalg.qr(random.normal(size=(channels, len(widths))))
    return (3 + random.normal(size=(count, len(widths))) * widths @ axes.T).astype(np.float32)


@pytest.mark.parametrize("channels", [8, 64])
def test_the_covariance_of_the_fitted_features_is_the_identity(channels: int) -> None:
    features = draw_features(500, channels, widths=np.geomspace(1, 0.05, min(channels, 40)))
    embedding = fit_whitening(features)(features)
    assert embedding.shape == (500, min(channels, 32))
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(embedding.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(embedding.T), np.eye(embedding.shape[1]), atol=1e-3)


def test_the_axes_kept_are_the_widest() -> None:
    features = draw_features(500, 64, widths=np.repeat([1.0, 0.1], 32))
    embedding = fit_whitening(features)(features)
    rebuilt = embedding @ np.linalg.lstsq(embedding, features - features.mean(0), rcond=None)[0]
    assert np.var(rebuilt) / np.var(features - features.mean(0)) > 0.98


def test_axes_that_hold_only_noise_are_left_out() -> None:
    features = draw_features(500, 16, widths=np.array([1.0, 0.5, 1e-5]))
    assert fit_whitening(features).axes.shape == (16, 2)


def test_features_that_are_all_alike_are_embedded_as_zero() -> None:
    features = np.full((10, 16), 0.3, np.float32)
    assert not fit_whitening(features)(features).any()


def test_one_image_is_embedded_as_zero() -> None:
    features = np.arange(16, dtype=np.float32)[np.newaxis]
    assert not fit_whitening(features)(features).any()


def test_the_distance_is_that_of_mahalanobis_when_all_directions_have_an_axis() -> None:
    features = draw_features(2000, 8, widths=np.geomspace(1, 0.2, 8))
    new = draw_features(50, 8, widths=np.geomspace(3, 0.1, 8))
    centred = new - features.mean(0)
    expected = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(np.cov(features.T)), centred)
    np.testing.assert_allclose(fit_whitening(features).measure(new), np.sqrt(expected / 8), rtol=0.01)


def test_what_lies_outside_of_the_axes_is_far_away() -> None:
    random = np.random.default_rng(1)
    features = draw_features(2000, 64, widths=np.ones(32)) + random.normal(0, 0.01, (2000, 64)).astype(np.float32)
    whitening = fit_whitening(features)
    usual = whitening.measure(features)
    assert 0.5 < np.median(usual) < 1.5
    moved = features + np.float32(0.5) * random.normal(size=64).astype(np.float32)
    assert whitening(moved).std() < 3
    assert whitening.measure(moved).min() > 5 * usual.max()


@pytest.mark.parametrize("count", [1, 10])
def test_features_that_are_all_alike_have_a_distance(count: int) -> None:
    features = np.full((count, 16), 0.3, np.float32)
    whitening = fit_whitening(features)
    assert not whitening.measure(features).any()
    assert np.isfinite(whitening.measure(features + 1)).all()
