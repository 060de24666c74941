"""Measures how well facts about a file, such as its size, predict its label: a detector could learn them instead."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import norm
from threadpoolctl import threadpool_limits

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

NEUTRALISED: Final = frozenset(
    {"bytes", "format", "mode", "animated", "jpeg_quality", "quantization", "has_icc", "has_exif", "name_pattern"}
)
"""The facts that `neutralise` makes alike, or nearly so, in both classes."""

USUAL_AUC: Final = 0.75
MOST_AUC: Final = 0.9
"""Largest usual and largest allowed lower bound of the area under the ROC with which a fact may tell the label."""

_FOLDS: Final = 5
_MOST_BINS: Final = 32
_ROWS_A_BIN: Final = 16
_FEWEST_BINS: Final = 4
_BEYOND: Final = 0.025
"""The chance that an area under the ROC is below the lower bound: that of a 95 % interval."""

_LEAST_OF_EACH: Final = 10
"""Fewest images of each class in a group that is audited by itself."""

_ROUNDS: Final = 60
"""Trees of the classifier of all facts together."""

_MOST_TOGETHER: Final = 20_000
"""Most images on which all facts are audited together, which takes seconds."""


def find_shortcuts(rows: pd.DataFrame, *, among: int = 1) -> dict[str, Shortcut]:
    """Measure every fact of FACTS on the rows of a manifest; (0.5, 0.5) if the rows lack one of the classes.

    The rows are one of `among` groups that are looked at, which lowers the bound (Bonferroni's correction).
    """
    labels = _labels(rows)
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(FACTS, Shortcut(0.5, 0.5))
    folds = _folds(rows)
    return {name: _bounded(_measure(fact(rows), labels, folds), labels, among) for name, fact in FACTS.items()}


def find_shortcuts_in_groups(groups: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Shortcut]:
    """Measure every fact in each group of rows by itself, such as a source; returns them by group and fact.

    A fact that tells the label one way in one source and the other way in another tells nothing over both. Groups with
    fewer than 10 images of a class are left out.
    """
    large = {
        name: rows for name, rows in groups.items() if np.bincount(_labels(rows), minlength=2).min() >= _LEAST_OF_EACH
    }
    found = {name: find_shortcuts(rows, among=len(large)) for name, rows in large.items()}
    return {(name, fact): shortcut for name, facts in found.items() for fact, shortcut in facts.items()}


def find_joint_shortcut(rows: pd.DataFrame) -> Shortcut:
    """Measure how well all facts together tell the label, on at most 20,000 rows of a manifest.

    The score of a row is that of a gradient-boosted classifier that was fitted to the other folds. This is a classifier
    two-sample test (Lopez-Paz and Oquab, 2017, arXiv 1610.06545).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # importing it takes longer than all other audits

    rows = rows.loc[rows["sha256"].sort_values().index[:_MOST_TOGETHER]]
    labels = _labels(rows)
    if np.bincount(labels, minlength=2).min() < _LEAST_OF_EACH:
        return Shortcut(0.5, 0.5)
    facts = np.column_stack([_numbers(fact(rows)) for fact in FACTS.values()])
    folds, scores = _folds(rows), np.empty(len(labels))
    with threadpool_limits(1):  # several threads mostly wait for each other, because the rows are few
        for fold in range(_FOLDS):
            held = folds == fold
            judge = HistGradientBoostingClassifier(max_iter=_ROUNDS, early_stopping=False, random_state=0)
            scores[held] = judge.fit(facts[~held], labels[~held]).predict_proba(facts[held])[:, 1]
    return _bounded(max(area_under_roc(labels, scores), 0.5), labels, among=1)


def name_patterns(origins: pd.Series) -> pd.Series:
    """Reduce the paths of files to how the files are named: 'train/REAL/IMG_0042.jpg' becomes 'a_9.jpg'."""
    names = pc.replace_substring_regex(pa.array(origins.array, pa.large_string()), r"^(?s:.*)/", "")
    # Numbers before a full stop are replaced at once: mostly few names are left for Python.
    numbers, alike = pd.factorize(pd.Series(pc.replace_substring_regex(names, r"[0-9]+\.", "9."), dtype="str"))
    parts = pd.Series(alike, dtype="str").str.extract(r"^(.*?)(\.\w+)?$", flags=re.DOTALL).fillna("")
    stems = parts[0].str.replace(r"[^\W\d_]+", "a", regex=True).str.replace(r"\d+", "9", regex=True)
    patterns = stems + parts[1].str.lower()
    return patterns.take(numbers).set_axis(origins.index)


def _folds(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Deal each class evenly into folds, in the order of the hashes, so that the order of the rows is irrelevant."""
    dealt = rows["sha256"].sort_values().groupby(rows["label"]).cumcount() % _FOLDS
    return np.asarray(dealt.reindex(rows.index), dtype=np.int64)


def _labels(rows: pd.DataFrame) -> NDArray[np.int64]:
    return np.asarray(rows["label"] == CLASSES[AI], dtype=np.int64)


def _numbers(fact: pd.Series) -> NDArray[np.float64]:
    """Return a fact as numbers: values that are no numbers are numbered, and -1 stands for a missing value."""
    if not pd.api.types.is_numeric_dtype(fact):
        return pd.factorize(fact, sort=True)[0].astype(np.float64)
    return fact.to_numpy(dtype=np.float64, na_value=-1.0)


def _measure(fact: pd.Series, labels: NDArray[np.int64], folds: NDArray[np.int64]) -> float:
    """Return the area under the ROC of a fact, at least 0.5.

    The score of a row is the share of AI among the rows of the other folds with the same value (target encoding).

    Any relation is found, even if it is not monotonic. A row's own label is not used for its score. So a fact with a
    different value for every image, such as a serial number, gets 0.5.
    """
    values = _categories(fact)
    scores = np.empty(len(labels))
    for fold in range(_FOLDS):
        held = folds == fold
        scores[held] = _shares_of_ai(values[~held], labels[~held], values.max() + 1)[values[held]]
    return max(area_under_roc(labels, scores), 0.5)


def _bounded(auc: float, labels: NDArray[np.int64], among: int) -> Shortcut:
    reach = float(norm.isf(_BEYOND / among))
    return Shortcut(auc, max(auc - reach * _standard_error(auc, labels), 0.5))


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
