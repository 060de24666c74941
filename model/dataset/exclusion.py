"""Sources and generators that are not trusted for now: named by a person, left out of a dataset version."""

from collections.abc import Collection, Iterable

import pandas as pd

from model.errors import DatasetError

_KINDS = ("source", "generator")


def find_excluded(images: pd.DataFrame, names: Collection[str]) -> pd.Series:
    """Mark the images (columns `source` and `generator`) that `names` such as 'source:x' or 'generator:y' exclude.

    Raises DatasetError for a name that no image has, listing those that exist: a misspelt exclusion would exclude
    nothing.
    """
    known = {f"{kind}:{name}" for kind in _KINDS for name in images[kind].dropna().unique()}
    if unknown := sorted(set(names) - known):
        raise DatasetError(f"cannot exclude {_quote(unknown)}; the lake holds {_quote(sorted(known))}")
    excluded = pd.Series(data=False, index=images.index)
    for kind in _KINDS:
        excluded |= (f"{kind}:" + images[kind]).isin(names)
    return excluded


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
