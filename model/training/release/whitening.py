"""Whitens features: projects them on axes of equal variance, so that distances can be compared."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

_MOST_AXES: Final = 32
_NARROWEST: Final = 1e-3
"""Smallest standard deviation of an axis, relative to the largest. Smaller ones are float32 noise."""


@dataclass(frozen=True)
class Whitening:
    """Subtracts `mean` [C] float32 from pooled features and projects them on `axes` [C, d] float32."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    def __call__(self, pooled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn pooled features [n, C] into embeddings [n, d]."""
        return ((pooled - self.mean) @ self.axes).astype(np.float32, copy=False)


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
    return Whitening(mean.astype(np.float32), (vectors[:, ::-1][:, :kept] * scales).astype(np.float32))
