"""From a probability of AI to a decision: real, ai or unsure."""

from model.labels import AI, CLASSES, REAL

UNSURE = "unsure"


def decide(probability: float, threshold: float, band: tuple[float, float]) -> str:
    """Return 'unsure' for a probability of AI in `band` (ends included), else 'ai' from `threshold` on, else 'real'."""
    low, high = band
    if low <= probability <= high:
        return UNSURE
    return CLASSES[AI] if probability >= threshold else CLASSES[REAL]
