"""Turns a probability of AI into a decision: real, ai or unsure."""

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
    """Return the band to decide with if the threshold is an `operating_point`, chosen for its false-positive rate.

    1. From the operating point on, the decision is 'ai', which keeps to the rate.
    2. Below both the operating point and `band`, the decision is 'real'. So a request for fewer false alarms does not
       turn 'unsure' images into real ones.
    3. Between the two, the decision is 'unsure'. If the operating point is not above the lower end of `band`, no image
       is 'unsure'.
    """
    return min(operating_point, band[0]), math.nextafter(operating_point, -math.inf)


def images_needed(rate: float) -> int:
    """Return how many real images must calibrate a threshold for the false-positive rate `rate` > 0: 1 / rate - 1."""
    return math.ceil(1 / rate - 1 - 1e-9)  # so that 1 / 0.05 - 1 is 19 and not a little more


def measure_stability(probability: float, reshipped: Sequence[float], threshold: float) -> float:
    """Return the share of `reshipped`, at least one probability of AI, with the same label as `probability`."""
    label = name_label(probability, threshold)
    return sum(name_label(other, threshold) == label for other in reshipped) / len(reshipped)
