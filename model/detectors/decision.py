"""From a probability of AI to a decision: real, ai or unsure."""

import math
from collections.abc import Sequence

from model.labels import AI, CLASSES, REAL

UNSURE = "unsure"


def name_label(probability: float, threshold: float) -> str:
    """Return the likelier class: 'ai' from `threshold` on, else 'real'."""
    return CLASSES[AI] if probability >= threshold else CLASSES[REAL]


def name_decision(probability: float, threshold: float, band: tuple[float, float]) -> str:
    """Return 'unsure' for a probability of AI in `band` (ends included), else 'ai' from `threshold` on, else 'real'."""
    low, high = band
    if low <= probability <= high:
        return UNSURE
    return name_label(probability, threshold)


def band_below(operating_point: float, band: tuple[float, float]) -> tuple[float, float]:
    """Return the band to decide with when the threshold is an `operating_point`, chosen for its false-positive rate.

    From the operating point on the answer is 'ai', which keeps to the rate. 'real' takes what it takes without one, a
    probability under `band`: who asks for fewer false alarms is not told that more images are real. Where the operating
    point is below `band` nothing is left to doubt.
    """
    return min(operating_point, band[0]), math.nextafter(operating_point, -math.inf)


def measure_stability(probability: float, reshipped: Sequence[float], threshold: float) -> float:
    """Return the share of `reshipped`, at least one probability, whose label is that of `probability`."""
    label = name_label(probability, threshold)
    return sum(name_label(other, threshold) == label for other in reshipped) / len(reshipped)
