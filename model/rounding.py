"""Rounds a value and its limit for people, so that the text never contradicts the comparison of the two."""

from typing import Final

_MOST: Final = 15
"""Digits after which two different numbers count as equal."""


def round_apart(value: float, limit: float, digits: int) -> tuple[str, str]:
    """Return both numbers rounded to `digits` decimal places, or to as many more as it takes to tell them apart.

    So 2.04 beside the limit 2 is never shown as "2.0" beside "2.0". Numbers that differ by less than 1e-15 look equal.
    """
    for places in range(digits, _MOST):
        shown, beside = f"{value:.{places}f}", f"{limit:.{places}f}"
        if _order(float(shown), float(beside)) == _order(value, limit):
            return shown, beside
    return f"{value:.{_MOST}f}", f"{limit:.{_MOST}f}"


def _order(one: float, other: float) -> int:
    return (one > other) - (one < other)
