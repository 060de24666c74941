"""Comparison: what chance can and cannot explain when two detectors have judged the same images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from model.estimate import CONFIDENCE, Estimate
from model.metrics import Labels, Probabilities, calibration_error

_CHANCE_ROUNDS = 500

Rights = NDArray[np.bool_]


@dataclass(frozen=True)
class Paired:
    """Two detectors on the same `images`: how many only ours got right (`won`), and only theirs (`lost`)."""

    images: int
    won: int
    lost: int

    @classmethod
    def of(cls, ours: Rights, theirs: Rights) -> "Paired":
        """Count from two parallel columns that say image by image whether each detector was right."""
        return cls(len(ours), int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours)))

    @property
    def gain(self) -> float:
        """Our accuracy less theirs."""
        return (self.won - self.lost) / self.images

    @property
    def chance(self) -> float:
        """How likely so one-sided a disagreement is between detectors that are equally good: McNemar's exact test.

        Two-sided, on the images where only one was right (McNemar, 1947). Exact for one image as for a million; 1.0
        when the detectors never disagree.
        """
        disagreements = self.won + self.lost
        return float(binomtest(self.won, disagreements).pvalue) if disagreements else 1.0

    @property
    def difference(self) -> Estimate:
        """The gain with the percentile interval of the paired bootstrap.

        A resample of the images (Efron and Tibshirani, 1993, chapter 13) is `images` draws of +1 (won), -1 (lost) or 0,
        so the distribution over all resamples is a convolution that can be computed: no seed, no rounds, and one more
        image won never lowers it. One image won and one lost are added to what is drawn from (Bonett and Price, 2012,
        doi 10.3102/1076998611411915), else detectors that never disagree on ten images would be proven equal.
        """
        drawn = self.images + 2
        won, lost = (self.won + 1) / drawn, (self.lost + 1) / drawn
        step = np.zeros(2 * self.images + 1)  # index: the sum, negative ones counted from the end
        step[[0, 1, -1]] = 1 - won - lost, won, lost
        sums = np.fft.irfft(np.fft.rfft(step) ** self.images, len(step))
        cumulated = np.cumsum(np.roll(sums, self.images))
        low, high = np.searchsorted(cumulated, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) - self.images
        return Estimate(self.gain, float(low / self.images), float(high / self.images))


def difference(ours: Estimate, theirs: Estimate) -> Estimate:
    """Return ours less theirs, with an interval from their two intervals as if measured on different images.

    MOVER (Zou and Donner, 2008, doi 10.1002/sim.3095), for proportions Newcombe's hybrid score interval (1998). On the
    same images, where good and bad luck is shared, it is wider than it need be.
    """
    value = ours.value - theirs.value
    down = np.hypot(ours.value - ours.low, theirs.high - theirs.value)
    up = np.hypot(ours.high - ours.value, theirs.value - theirs.low)
    return Estimate(value, float(value - down), float(value + up))


def chance_calibration_error(probabilities: Probabilities, *, seed: int = 0) -> float:
    """Return the calibration error that a perfectly calibrated detector exceeds on so few images one time in twenty.

    Perfectly calibrated means that the labels are drawn from the probabilities themselves (consistency resampling:
    Bröcker and Smith, 2007, doi 10.1175/WAF993.1). Above zero although nothing is wrong, since the deviations of the
    bins cannot cancel out; about 0.08 for 100 images and 0.008 for 20,000.
    """
    ordered: Probabilities = np.sort(probabilities)  # so that the draws do not depend on the images' order
    random = np.random.default_rng(seed)

    def draw() -> Labels:
        return (random.random(len(ordered)) < ordered).astype(int)

    errors = [calibration_error(draw(), ordered) for _ in range(_CHANCE_ROUNDS)]
    return float(np.quantile(errors, CONFIDENCE))
