"""How much certainty each decision against the same champion needs, and how many images that takes."""

from scipy.stats import norm

POWER = 0.8
"""The chance of a proof that a number of images is given for."""


def level_of(number: int, *, significance: float, expected_tries: int) -> float:
    """Return the level of decision `number` (1, 2, ...) against the same champion: its share of `significance`.

    The levels of all decisions, however many there are, add up to `significance` (alpha spending: Lan and DeMets, 1983,
    doi 10.1093/biomet/70.3.659). So a detector that is worse by more than the margin gets in with at most that chance,
    however often it tries. The first `expected_tries` decisions spend half of it in equal parts. The others, without
    end, spend ever smaller parts of the other half. Raises ValueError for a number below 1.
    """
    if number < 1:
        raise ValueError(f"decisions are counted from 1, not {number}")
    half = significance / 2
    return half / expected_tries if number <= expected_tries else half * expected_tries / ((number - 1) * number)


def count_needed(spread: float, distance: float, level: float) -> float:
    """Return how many images prove with a chance of 80 % that no more than the margin is lost.

    `spread` is the variance of the gain of one image: about the share of images that only one detector gets right.
    `distance` is the true gain plus the margin, so the margin itself for equal detectors. Infinite for 0.
    """
    reach = float(norm.ppf(1 - level) + norm.ppf(POWER))
    return reach**2 * spread / distance**2 if distance else float("inf")


def in_words(odds: float) -> str:
    """Write a chance as odds, as in '1 in 8' or '75 in 100'."""
    if odds > 0.5:  # more likely than not
        return "more than 99 in 100" if odds > 0.99 else f"{round(100 * odds)} in 100"
    return f"1 in {round(1 / odds):,}" if odds > 0.001 else "less than 1 in 1,000"
