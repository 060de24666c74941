"""Whitens features: projects them on axes of equal variance, so that distances can be compared and measured."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

_MOST_AXES: Final = 32
_LEAST_NOISE: Final = 1e-4
"""Smallest variance of the directions outside of the axes, relative to the widest axis: less is float32 noise."""
_NARROWEST: Final = 1e-3
"""Smallest standard deviation of an axis, relative to the largest. Smaller ones are float32 noise."""


@dataclass(frozen=True)
class Whitening:
    """Subtracts `mean` [C] float32 from pooled features and projects them on `axes` [C, d] float32.

    `widths` [d] float32 are the standard deviations of the features along the axes, `noise` is the mean variance along
    the directions outside of the axes.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    widths: NDArray[np.float32]
    noise: float

    def __call__(self, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn pooled features [n, C] into embeddings [n, d]."""
        return ((pooled - self.mean) @ self.axes).astype(np.float32, copy=False)

    def measure(self, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distances [n] of pooled features [n, C] from their mean, in standard deviations of a channel.

        It is the Mahalanobis distance by probabilistic PCA, divided by the root of C. All directions outside of the
        axes have the same variance. Source: Tipping and Bishop, 1999, doi 10.1111/1467-9868.00196.
        """
        centred = (pooled - self.mean).astype(np.float64)
        embedded = centred @ self.axes
        outside = (centred**2).sum(1) - ((embedded * self.widths) ** 2).sum(1)
        squared: NDArray[np.float64] = (embedded**2).sum(1) + outside.clip(0) / self.noise
        return np.sqrt(squared / len(self.mean)).astype(np.float32)


def fit_whitening(pooled: NDArray[np.float32]) -> Whitening:
    """Find at most 32 principal components of features [n, C], scaled so that the covariance is the identity.

    PCA whitening: Kessy, Lewin and Strimmer, 2018, doi 10.1080/00031305.2016.1277159. Distances are then in standard
    deviations of the reference. If all features are equal, their embedding is zero.
    """
    features = pooled.astype(np.float64)
    mean = features.mean(0)
    centred = features - mean
    channels = centred.shape[1]
    most = min(_MOST_AXES, channels)
    covariance = centred.T @ centred / max(1, len(centred) - 1)
    variances, vectors = eigh(covariance, subset_by_index=(channels - most, channels - 1))  # in ascending order
    widths = np.sqrt(variances.clip(0))[::-1]
    kept = max(1, int(np.sum(widths > _NARROWEST * widths[0])))
    scales = np.divide(1, widths[:kept], out=np.zeros(kept), where=widths[:kept] > 0)
    outside = (covariance.trace() - (widths[:kept] ** 2).sum()) / max(1, channels - kept)
    return Whitening(
        mean=mean.astype(np.float32),
        axes=(vectors[:, ::-1][:, :kept] * scales).astype(np.float32),
        widths=widths[:kept].astype(np.float32),
        noise=max(float(outside), _LEAST_NOISE * float(widths[0] ** 2)) or 1.0,
    )
