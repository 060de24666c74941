"""Options: one table of them laid over another, and what is wrong with a value in words that name its key."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def lay_over(table: Mapping[str, Any], replacements: Mapping[str, object]) -> dict[str, Any]:
    """Return `table` with the values of `replacements`, whose keys may be dotted: "augmentation.jpeg" is in a table.

    Tables are merged key by key; where only one of the two is a table, the replacement takes the place of the other.
    """
    laid = dict(table)
    for key, value in replacements.items():
        outer, dot, inner = key.partition(".")
        replacement = {inner: value} if dot else value
        below = laid.get(outer, {})
        if isinstance(replacement, Mapping) and isinstance(below, Mapping):
            laid[outer] = lay_over(below, replacement)
        else:
            laid[outer] = replacement
    return laid


def list_problems(error: ValidationError) -> str:
    """Name each key that is unknown or whose value is not allowed, with the value and what is wrong with it."""
    return "; ".join(f"{'.'.join(map(str, p['loc']))}={p['input']!r}: {p['msg']}" for p in error.errors())
