"""Compares two detectors on the same images, and says how much of the difference chance explains."""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.stats import binom

from model.estimate import CONFIDENCE, Estimate

_REACH = 8
"""A resample's sum is followed up to so many times the number of images; larger sums have no chance worth counting."""

Rights = NDArray[np.bool_]
Clusters = NDArray[np.integer]


@dataclass(frozen=True)
class Paired:
    """Two detectors on the same `images`: how many images only ours got right (`won`), and only theirs (`lost`).

    Images of one cluster are near-duplicates, so they win or lose together and are no independent evidence. `balances`
    holds won less lost for each cluster; None if each image is a cluster of its own. `typical` is the size of the
    cluster that an image is in, on average.
    """

    images: int
    won: int
    lost: int
    balances: tuple[int, ...] | None = None
    typical: int = 1

    @classmethod
    def of(cls, ours: Rights, theirs: Rights, clusters: Clusters | None = None) -> "Paired":
        """Count from parallel columns [n]: whether each detector was right, and the number of the image's cluster.

        Without `clusters`, each image is a cluster of its own.
        """
        step = ours.astype(int) - theirs.astype(int)
        counts = len(ours), int(np.sum(step > 0)), int(np.sum(step < 0))
        if clusters is None:
            return cls(*counts)
        _, members, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        if len(sizes) == len(ours):
            return cls(*counts)
        balances = np.bincount(members, weights=step, minlength=len(sizes)).astype(int)
        return cls(*counts, tuple(balances.tolist()), math.ceil((sizes**2).sum() / len(ours)))

    @property
    def clusters(self) -> int:
        """The number of clusters, which are the independent observations."""
        return self.images if self.balances is None else len(self.balances)

    @property
    def gain(self) -> float:
        """Our accuracy less theirs."""
        return (self.won - self.lost) / self.images

    @property
    def chance(self) -> float:
        """How often equally good detectors differ at least so much by chance, in either direction.

        This is McNemar's exact test (McNemar, 1947). With clusters, it is the exact test of the signs of the clusters'
        balances (Fisher, 1935, "The Design of Experiments", section 21). 1.0 if the detectors never disagree.
        """
        lower = self.chance_of_fall
        return min(1.0, 2 * min(lower, 1 - lower + self._chance_of_this))

    @property
    def chance_of_fall(self) -> float:
        """How often equally good detectors fall at least so far by chance: the one-sided p-value of the same test."""
        pmf, at = self._signs
        return min(1.0, float(pmf[: at + 1].sum()))

    @property
    def difference(self) -> Estimate:
        """The gain with the percentile interval of the paired bootstrap.

        1. A resample (Efron and Tibshirani, 1993, chapter 13) draws as many clusters as there are (Field and Welsh,
           2007). The balances of the drawn clusters are added up.
        2. The distribution of the sum over all resamples is computed exactly, as a convolution, without a seed. One
           more image won never lowers the interval.
        3. One cluster won and one cluster lost, of typical size, are added to what is drawn from (Bonett and Price,
           2012, doi 10.3102/1076998611411915). Without them, detectors that never disagree on ten images would be
           proven equal.
        """
        return Estimate(self.gain, self.bound((1 - CONFIDENCE) / 2), self.bound((1 + CONFIDENCE) / 2))

    def bound(self, level: float) -> float:
        """Return the value that the gain of a resample does not exceed with a chance of `level`."""
        half = len(self._resamples) // 2
        found = int(np.searchsorted(self._resamples, level))
        return max(-1.0, min(1.0, (found - half) / self.images))

    def odds_of_loss(self, margin: float) -> float:
        """Return the share of resamples that lose more than `margin`, about the chance that so much is truly lost.

        A share of resamples is close to a probability under a flat prior (Rubin, 1981, "The Bayesian Bootstrap").
        """
        half = len(self._resamples) // 2
        below = math.ceil(half - margin * self.images - 1e-9) - 1
        return float(self._resamples[below]) if below >= 0 else 0.0

    @property
    def spread(self) -> float:
        """The variance of the gain, times `images`, as the interval sees it; about the share won or lost."""
        values, counts = self._drawn
        return float((counts * values.astype(float) ** 2).sum()) / (self.clusters + 2) * self.clusters / self.images

    @property
    def _steps(self) -> Counter[int]:
        if self.balances is None:
            return Counter({0: self.images - self.won - self.lost, 1: self.won, -1: self.lost})
        return Counter(self.balances)

    @property
    def _drawn(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """The balances that a resample draws from, and how often each occurs."""
        drawn = self._steps + Counter((self.typical, -self.typical))
        return np.array(list(drawn)), np.array(list(drawn.values()))

    @cached_property
    def _resamples(self) -> NDArray[np.floating]:
        """The chance that the sum of a resample is at most -half, ..., 0, ..., half."""
        values, counts = self._drawn
        half = int(min(self.clusters * np.abs(values).max(), _REACH * self.images))
        step = np.zeros(next_fast_len(2 * half + 1, real=True))  # index: the sum, negative ones counted from the end
        step[values] = counts / counts.sum()
        sums = irfft(rfft(step) ** self.clusters, len(step))
        cumulated: NDArray[np.floating] = np.cumsum(np.concatenate([sums[len(sums) - half :], sums[: half + 1]]))
        return cumulated

    @cached_property
    def _signs(self) -> tuple[NDArray[np.floating], int]:
        """The chances of all sums of the clusters' balances with signs drawn by coins, and the index of our sum."""
        sizes = Counter({0: 0})
        for value, count in self._steps.items():
            sizes[abs(value)] += count
        pmf = np.ones(1)
        for size, count in sizes.items():
            if size and count:
                step = np.zeros(2 * size * count + 1)
                step[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
                pmf = np.convolve(pmf, step)
        return pmf, len(pmf) // 2 + self.won - self.lost

    @property
    def _chance_of_this(self) -> float:
        pmf, at = self._signs
        return float(pmf[at])


def difference(ours: Estimate, theirs: Estimate, *, widened: float = 1.0) -> Estimate:
    """Return ours less theirs, with an interval as if both were measured on different images.

    Source: MOVER (Zou and Donner, 2008, doi 10.1002/sim.3095); for proportions, Newcombe's hybrid score interval
    (1998). For measurements on the same images the interval is wider than necessary. The interval is `widened` times as
    wide as at 95 %.
    """
    value = ours.value - theirs.value
    down = widened * np.hypot(ours.value - ours.low, theirs.high - theirs.value)
    up = widened * np.hypot(ours.high - ours.value, theirs.value - theirs.low)
    return Estimate(value, float(value - down), float(value + up))
