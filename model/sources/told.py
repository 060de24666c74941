"""Told: what a table or a shard says about an image beside its label, in words that can be kept."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from model.labels import find_label
from model.sources.labelled_image import LONGEST_NAME
from model.sources.splits import find_split

_NO_GENERATOR: Final = frozenset({"", "-", "none", "null", "nan", "n/a", "na", "unknown", "other", "camera"})


@dataclass(frozen=True, slots=True)
class Told:
    """What is said about an image beside its label; None where nothing is said, and no generator of a real image."""

    split: str | None = None
    generator: str | None = None
    collection: str | None = None


@lru_cache(maxsize=65_536)
def read_told(split: str, generator: str, collection: str) -> Told:
    """Read the cells of a row; each is empty if the row has none."""
    return Told(find_split(split), _generator(generator), _collection(collection))


def _generator(cell: str) -> str | None:
    return None if cell.lower() in _NO_GENERATOR or find_label(cell) else cell


def _collection(cell: str) -> str | None:
    """Return the collection that a cell names: of an address the host; no label, and nothing that cannot be a name."""
    name = _host(cell) if "://" in cell else cell
    return name if name and find_label(name) is None and len(name) <= LONGEST_NAME and name.isprintable() else None


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
