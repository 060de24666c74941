"""Computes the signals of drift in predictions and files: distances from the reference, each with its limit."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, ks_2samp, kstwobign, norm, t

from model.detectors.traffic_sample import Sample
from model.monitoring.limits import DriftLimits
from model.monitoring.terms import (
    CLASS_RATIO,
    KS_PROBABILITY,
    LOW_CONFIDENCE,
    MEAN_PROBABILITY,
    PSI_BYTES,
    PSI_FORMAT,
    PSI_JPEG_QUALITY,
    PSI_PIXELS,
    PSI_PROBABILITY,
    Signal,
)

BINS: Final = 10
"""Bins of a numeric fact, bounded by the quantiles of the reference."""
SURE: Final = 0.75
"""Probability of the likelier class below which a prediction has low confidence whatever the band."""

Values = NDArray[np.floating] | NDArray[np.integer]


_OF_FILES: Final[Mapping[str, Callable[[Sample], Values]]] = MappingProxyType(
    {
        PSI_PIXELS: lambda sample: sample.width * sample.height,
        PSI_BYTES: lambda sample: sample.bytes,
        PSI_JPEG_QUALITY: lambda sample: sample.jpeg_quality,
    }
)
"""The numeric facts of a file, by the signal that compares each. The format is no number and is compared on its own."""


def probability_signals(
    reference: Sample, recent: Sample, *, threshold: float, band: tuple[float, float], limits: DriftLimits
) -> list[Signal]:
    """Compare the probabilities: their mean, the share of doubtful ones, the share of AI, and the distribution."""
    before, now = reference.probability, recent.probability
    sizes = len(before), len(now)
    edges = _edges(before)
    return [
        Signal.against(
            MEAN_PROBABILITY,
            abs(float(now.mean() - before.mean())),
            max(limits.mean_probability, _mean_by_chance(before, now, limits.chance)),
        ),
        _low_confidence(_doubtful(before, band), _doubtful(now, band), limits),
        Signal.against(
            CLASS_RATIO,
            abs(float((now >= threshold).mean() - (before >= threshold).mean())),
            max(limits.class_ratio, _ratio_by_chance(before >= threshold, now >= threshold, limits.chance)),
        ),
        _psi(PSI_PROBABILITY, _binned(before, edges), _binned(now, edges), limits),
        Signal.against(
            KS_PROBABILITY,
            float(ks_2samp(before, now).statistic),
            max(limits.ks, _ks_by_chance(*sizes, limits.chance)),
        ),
    ]


def file_signals(reference: Sample, recent: Sample, limits: DriftLimits) -> list[Signal]:
    """Compare the files: their size in pixels and bytes, their JPEG quality and their format."""
    signals = []
    for name, of in _OF_FILES.items():
        before, now = of(reference), of(recent)
        edges = _edges(before[~np.isnan(before)])
        signals.append(_psi(name, _binned(before, edges), _binned(now, edges), limits))
    formats = np.unique(np.concatenate([reference.format, recent.format]))
    before, now = (np.searchsorted(formats, sample.format) for sample in (reference, recent))
    return [*signals, _psi(PSI_FORMAT, before, now, limits)]


def population_stability(before: NDArray[np.integer], now: NDArray[np.integer]) -> float:
    """Return the population stability index of two samples of bins: the symmetric Kullback-Leibler divergence.

    Source: Siddiqi, 2006, "Credit Risk Scorecards". `before` [n] and `now` [m] are numbers of bins, from 0. Half an
    image is added to every bin that either sample fills, so that an empty bin does not make the index infinite.
    """
    bins = int(max(before.max(), now.max())) + 1
    counts = np.array([np.bincount(sample, minlength=bins) for sample in (before, now)], dtype=np.float64)
    counts = counts[:, counts.any(axis=0)] + 0.5
    p, q = counts / counts.sum(axis=1, keepdims=True)
    return float(((p - q) * np.log(p / q)).sum())


def _psi(name: str, before: NDArray[np.integer], now: NDArray[np.integer], limits: DriftLimits) -> Signal:
    """Compare the stability index with its limit, or with what chance reaches if that is more.

    Between samples of one distribution the index is a chi-squared variable times 1/n + 1/m. Source: Yurdakul and
    Naranjo, 2020, "Statistical properties of the population stability index".
    """
    freedom = max(1, len(np.unique(np.concatenate([before, now]))) - 1)
    by_chance = float(chi2.ppf(1 - limits.chance, freedom)) * (1 / len(before) + 1 / len(now))
    return Signal.against(name, population_stability(before, now), max(limits.psi, by_chance))


def _low_confidence(before: NDArray[np.bool_], now: NDArray[np.bool_], limits: DriftLimits) -> Signal:
    """Compare the share of doubtful predictions with its limit.

    If the reference itself has many doubtful images, the limit is their share plus what chance adds.
    """
    usual = float(before.mean())
    error = math.sqrt(usual * (1 - usual) * (1 / len(before) + 1 / len(now)))
    by_chance = usual + float(norm.isf(limits.chance)) * error
    return Signal.against(LOW_CONFIDENCE, float(now.mean()), max(limits.low_confidence, by_chance))


def _mean_by_chance(before: NDArray[np.float64], now: NDArray[np.float64], chance: float) -> float:
    """Return the difference that the means of samples of one distribution exceed in a share `chance` of cases.

    Source: Student's t for a pooled variance. A sample of fewer than two values has no variance: any difference is
    chance.
    """
    freedom = len(before) + len(now) - 2
    if freedom < 1:
        return 1.0
    squares = float(((before - before.mean()) ** 2).sum() + ((now - now.mean()) ** 2).sum())
    return float(t.isf(chance / 2, freedom)) * math.sqrt(squares / freedom * (1 / len(before) + 1 / len(now)))


def _ratio_by_chance(before: NDArray[np.bool_], now: NDArray[np.bool_], chance: float) -> float:
    """Return the difference that the shares of two samples of one population exceed in a share `chance` of cases.

    One image of each class is added, so that a share of 0 or 1 is not taken for certain.
    """
    usual = (before.sum() + now.sum() + 1) / (len(before) + len(now) + 2)
    return float(norm.isf(chance / 2)) * math.sqrt(usual * (1 - usual) * (1 / len(before) + 1 / len(now)))


def _ks_by_chance(n: int, m: int, chance: float) -> float:
    """Return the distance that samples of one distribution reach in a share `chance` of cases (Smirnov, 1948)."""
    return float(kstwobign.ppf(1 - chance)) * math.sqrt((n + m) / (n * m))


def _doubtful(probability: NDArray[np.float64], band: tuple[float, float]) -> NDArray[np.bool_]:
    low, high = min(band[0], 1 - SURE), max(band[1], SURE)
    return (low <= probability) & (probability <= high)


def _edges(values: Values) -> NDArray[np.float64]:
    """Return the edges between the bins of the reference's `values`; a value of many images has its own bin."""
    if not len(values):
        return np.empty(0)
    quantiles = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf").astype(np.float64)
    edges, repeated = np.unique(quantiles, return_counts=True)
    return np.unique(np.concatenate([edges, np.nextafter(edges[repeated > 1], np.inf)]))


def _binned(values: Values, edges: NDArray[np.float64]) -> NDArray[np.integer]:
    """Return the bin of each value, counted from 0; unknown values (NaN) have the last bin to themselves."""
    bins: NDArray[np.integer] = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), len(edges) + 1, bins)
