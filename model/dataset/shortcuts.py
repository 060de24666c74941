"""Measures how well facts about a file, such as its size, predict its label: a detector could learn them instead."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.labels import AI, CLASSES, REAL
from model.metrics import area_under_roc


@dataclass(frozen=True)
class Shortcut:
    """How well one fact tells AI from real: area under the ROC, 0.5 (not at all) to 1, and its lower 95 % bound."""

    auc: float
    low: float


FACTS: Final[Mapping[str, Callable[[pd.DataFrame], pd.Series]]] = MappingProxyType(
    {
        "bytes": lambda rows: rows["bytes"],
        "width": lambda rows: rows["width"],
        "height": lambda rows: rows["height"],
        "aspect": lambda rows: rows["width"] / rows["height"],
        "format": lambda rows: rows["format"],
        "mode": lambda rows: rows["mode"],
        "animated": lambda rows: rows["animated"],
        "jpeg_quality": lambda rows: rows["jpeg_quality"],
        "quantization": lambda rows: rows["quantization"],
        "has_icc": lambda rows: rows["has_icc"],
        "has_exif": lambda rows: rows["has_exif"],
        "name_pattern": lambda rows: name_patterns(rows["origin"]),
        "brightness": lambda rows: rows["brightness"],
        "border": lambda rows: rows["border"],
    }
)
"""The facts that are audited: each is a column of a manifest, or computed from columns."""

_FOLDS: Final = 5
_MOST_BINS: Final = 32
_ROWS_A_BIN: Final = 16
_FEWEST_BINS: Final = 4
_NORMAL_95: Final = 1.96


def find_shortcuts(rows: pd.DataFrame) -> dict[str, Shortcut]:
    """Measure every fact of FACTS on the rows of a manifest; (0.5, 0.5) if the rows lack one of the classes."""
    labels = np.asarray(rows["label"] == CLASSES[AI], dtype=np.int64)
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(FACTS, Shortcut(0.5, 0.5))
    folds = _folds(rows)
    return {name: _measure(fact(rows), labels, folds) for name, fact in FACTS.items()}


def name_patterns(origins: pd.Series) -> pd.Series:
    """Reduce the paths of files to how the files are named: 'train/REAL/IMG_0042.jpg' becomes 'a_9.jpg'."""
    names = origins.str.rpartition("/")[2]
    parts = names.str.extract(r"^(.*?)(\.\w+)?$", flags=re.DOTALL).fillna("")
    stems = parts[0].str.replace(r"[^\W\d_]+", "a", regex=True).str.replace(r"\d+", "9", regex=True)
    return stems + parts[1].str.lower()


def _folds(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Deal each class evenly into folds, in the order of the hashes, so that the order of the rows is irrelevant."""
    dealt = rows["sha256"].sort_values().groupby(rows["label"]).cumcount() % _FOLDS
    return np.asarray(dealt.reindex(rows.index), dtype=np.int64)


def _measure(fact: pd.Series, labels: NDArray[np.int64], folds: NDArray[np.int64]) -> Shortcut:
    """Score each row by the share of AI among the rows of the other folds with the same value (target encoding).

    Any relation is found, even if it is not monotonic. A row's own label is not used for its score. So a fact with a
    different value for every image, such as a serial number, gets 0.5.
    """
    values = _categories(fact)
    scores = np.empty(len(labels))
    for fold in range(_FOLDS):
        held = folds == fold
        scores[held] = _shares_of_ai(values[~held], labels[~held], values.max() + 1)[values[held]]
    auc = max(area_under_roc(labels, scores), 0.5)
    return Shortcut(auc, max(auc - _NORMAL_95 * _standard_error(auc, labels), 0.5))


def _categories(fact: pd.Series) -> NDArray[np.int64]:
    """Give each value of a fact a number from 1, or its quantile if there are many; 0 stands for a missing value."""
    bins = int(np.clip(len(fact) // _ROWS_A_BIN, _FEWEST_BINS, _MOST_BINS))
    if pd.api.types.is_numeric_dtype(fact) and fact.nunique() > bins:
        codes = pd.qcut(fact.astype("float64"), bins, labels=False, duplicates="drop").to_numpy()
    else:
        codes = np.where((found := pd.factorize(fact)[0]) < 0, np.nan, found)
    present = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    return present + 1


def _shares_of_ai(values: NDArray[np.int64], labels: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the share of AI for each value, smoothed as if one more row had the share of all rows."""
    rows, ai = np.bincount(values, minlength=count), np.bincount(values, weights=labels, minlength=count)
    shares: NDArray[np.float64] = (ai + labels.mean()) / (rows + 1)
    return shares


def _standard_error(auc: float, labels: NDArray[np.int64]) -> float:
    """Return the standard error of an area under the ROC.

    Source: Hanley and McNeil, 1982, "The meaning and use of the area under a receiver operating characteristic curve".
    """
    ai, real = int(np.sum(labels == AI)), int(np.sum(labels == REAL))
    above_both_real = auc / (2 - auc) - auc**2
    below_both_ai = 2 * auc**2 / (1 + auc) - auc**2
    variance = (auc * (1 - auc) + (ai - 1) * above_both_real + (real - 1) * below_both_ai) / (ai * real)
    return float(np.sqrt(max(variance, 0.0)))
