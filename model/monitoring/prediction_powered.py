"""Estimates accuracy from a few labelled verdicts and the confidence of all verdicts. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from model.estimate import CONFIDENCE, Estimate
from model.metrics import proportion

_LEAST_OF_EACH: Final = 10
"""Fewest right and fewest wrong verdicts for the interval with confidences. With fewer its error is not normal."""


def estimate_audited_accuracy(
    right: NDArray[np.bool_], confidence: NDArray[np.float64], *, mean: float, variance: float, verdicts: int
) -> Estimate:
    """Estimate the share of right verdicts among `verdicts` of them, of which a person labelled some at random.

    `right` [n] says whether each labelled verdict is right, `confidence` [n] the detector's probability of its answer.
    `mean` and `variance` are those of the confidence of all verdicts. The confidence may be wrong: it only narrows the
    interval, and is weighted by how well it tells right from wrong. Source: PPI++ for a mean (Angelopoulos, Duchi and
    Zrnic, 2023, arXiv 2311.01453), after prediction-powered inference (Angelopoulos et al., 2023, Science 382).

    With fewer than 10 right or 10 wrong verdicts the interval is Wilson's, of the labelled verdicts alone. Raises
    ValueError without labelled verdicts.
    """
    labelled = len(right)
    if min(right.sum(), labelled - right.sum()) < _LEAST_OF_EACH:
        return proportion(int(right.sum()), labelled)
    spread = float(confidence.var(ddof=1))
    together = float(np.cov(right, confidence)[0, 1])
    weight = float(np.clip(together / ((1 + labelled / verdicts) * spread), 0, 1)) if spread else 0.0
    value = float(right.mean()) + weight * (mean - float(confidence.mean()))
    error = np.sqrt((right - weight * confidence).var(ddof=1) / labelled + weight**2 * variance / verdicts)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, labelled - 1)) * float(error)
    return Estimate(*(float(np.clip(each, 0, 1)) for each in (value, value - reach, value + reach)))
