"""Chooses a few images to show: as many of each class as possible, by as many generators as possible."""

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Final

from model.dataset.intake import Row
from model.labels import CLASSES

MOST: Final = 10
"""Most images that are chosen."""

_OF_A_CLASS: Final = MOST // len(CLASSES)


class Examples:
    """Keeps the images with the smallest hashes: a few of each of a few generators of each class."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str | None, list[Row]]] = {}

    def add(self, row: Row) -> None:
        """Consider a row of an intake, which holds the bytes of its image."""
        generators = self._kept.setdefault(row["label"], {})
        kept = sorted([*generators.get(row["generator"], ()), row], key=_hash)
        generators[row["generator"]] = kept[:MOST]
        if len(generators) > _OF_A_CLASS:
            del generators[max(generators, key=lambda generator: _hash(generators[generator][0]))]

    def choose(self) -> list[Row]:
        """Return at most MOST rows, real ones first; a class that lacks images leaves its places to the other."""
        classes = [list(_in_turn(self._kept.get(label, {}))) for label in CLASSES]
        few = min(len(rows) for rows in classes)
        most = max(_OF_A_CLASS, MOST - few)
        return [row for rows in classes for row in rows[: most if len(rows) > few else _OF_A_CLASS]][:MOST]


def _in_turn(generators: dict[str | None, list[Row]]) -> Iterator[Row]:
    """Yield the first row of each generator, then the second row of each."""
    in_order = sorted(generators.values(), key=lambda rows: _hash(rows[0]))
    return (row for row in chain(*zip_longest(*in_order)) if row is not None)


def _hash(row: Row) -> str:
    return str(row["sha256"])
