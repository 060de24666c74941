"""Says which images earlier dataset versions tested on, and how much the mix of images has changed since."""

from typing import Final

import pandas as pd

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest, split_rows

MIX: Final = ("label", "split", "source", "generator", "format")
"""The columns whose shares make up the mix of a dataset version."""


def images_ever_tested(lake: Lake) -> frozenset[str]:
    """Return the pixel hashes and the clusters of every image that any published version has in its test split."""
    tested: set[str] = set()
    for version in lake.versions():
        rows = split_rows(read_manifest(lake, version, columns=("split", "pixel_hash", "cluster")), "test")
        tested.update(rows["pixel_hash"], rows["cluster"])
    return frozenset(tested)


def mix_changes(rows: pd.DataFrame, previous: pd.DataFrame) -> dict[str, float]:
    """Return for each column of MIX how much of the mix changed, 0 to 1.

    The measure is the total variation distance: the share of the images that would need another value to restore the
    old mix.
    """
    return {column: _distance(_shares(rows[column]), _shares(previous[column])) for column in MIX}


def _shares(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), None).value_counts(normalize=True, dropna=False)


def _distance(one: pd.Series, other: pd.Series) -> float:
    return float(one.sub(other, fill_value=0.0).abs().sum() / 2)
