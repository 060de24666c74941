"""Compares two detectors on the same images, and says how much of the difference chance explains."""

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
    """Two detectors on the same `images`: how many images only ours got right (`won`), and only theirs (`lost`)."""

    images: int
    won: int
    lost: int

    @classmethod
    def of(cls, ours: Rights, theirs: Rights) -> "Paired":
        """Count from two parallel columns [n] that say image by image whether each detector was right."""
        return cls(len(ours), int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours)))

    @property
    def gain(self) -> float:
        """Our accuracy less theirs."""
        return (self.won - self.lost) / self.images

    @property
    def chance(self) -> float:
        """The p-value of McNemar's exact test: how often equally good detectors disagree so unevenly by chance.

        Two-sided, over the images that only one detector got right (McNemar, 1947). 1.0 if the detectors never
        disagree.
        """
        disagreements = self.won + self.lost
        return float(binomtest(self.won, disagreements).pvalue) if disagreements else 1.0

    @property
    def difference(self) -> Estimate:
        """The gain with the percentile interval of the paired bootstrap.

        1. A resample of the images (Efron and Tibshirani, 1993, chapter 13) is `images` draws of +1 (won), -1 (lost) or
           0.
        2. The distribution of the sum over all resamples is computed exactly, as a convolution, without a seed. One
           more image won never lowers the interval.
        3. One image won and one image lost are added to what is drawn from (Bonett and Price, 2012, doi
           10.3102/1076998611411915). Without them, detectors that never disagree on ten images would be proven equal.
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
    """Return ours less theirs, with an interval as if both were measured on different images.

    Source: MOVER (Zou and Donner, 2008, doi 10.1002/sim.3095); for proportions, Newcombe's hybrid score interval
    (1998). For measurements on the same images the interval is wider than necessary.
    """
    value = ours.value - theirs.value
    down = np.hypot(ours.value - ours.low, theirs.high - theirs.value)
    up = np.hypot(ours.high - ours.value, theirs.value - theirs.low)
    return Estimate(value, float(value - down), float(value + up))


def chance_calibration_error(probabilities: Probabilities, *, seed: int = 0) -> float:
    """Return the calibration error that a perfectly calibrated detector exceeds one time in twenty.

    Labels are drawn from the `probabilities` [n] themselves (consistency resampling: Bröcker and Smith, 2007, doi
    10.1175/WAF993.1). The error is above zero because deviations of the bins do not cancel out. It is about 0.08 for
    100 images and 0.008 for 20,000.
    """
    ordered: Probabilities = np.sort(probabilities)  # so that the draws do not depend on the images' order
    random = np.random.default_rng(seed)

    def draw() -> Labels:
        return (random.random(len(ordered)) < ordered).astype(int)

    errors = [calibration_error(draw(), ordered) for _ in range(_CHANCE_ROUNDS)]
    return float(np.quantile(errors, CONFIDENCE))
