"""Reads what other columns and folders claim about an image's label, and finds labels that contradict a claim."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath

from model.labels import AI, CLASSES, REAL, find_label, is_doubtful

NUMBERS = {"0": CLASSES[REAL], "1": CLASSES[AI], "0.0": CLASSES[REAL], "1.0": CLASSES[AI]}
"""The label that a number stands for: 1 is always AI."""

YES_AND_NO = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
"""The words of a column that is named after a class, in lower case."""

_LABEL_TITLES = (
    "label",
    "class",
    "category",
    "target",
    "type",
    "kind",
    "truth",
    "source",
    "origin",
    "generator",
    "model",
)
_LONGEST_WORD = 30
_LONGEST_TITLE = 200
"""Characters. A title is looked at with each cell below it, and a longer one says nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A word that stands for a label, with the place `where` it was found, such as "in the column 'class'".

    If a claim is not `certain`, the word may describe what the picture shows instead of its class.
    """

    where: str
    word: str
    label: str
    certain: bool = True

    def __str__(self) -> str:
        return f"'{self.word}' {self.where} means {self.label}"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A label of an image and a claim that differ: the first row of a table where they do, and the number of `rows`."""

    table: str
    row: int
    image: str
    label: Claim
    claim: Claim
    rows: int = 1

    def __str__(self) -> str:
        more = f" Rows of this kind: {self.rows:,}." if self.rows > 1 else ""
        return f"{self.label}, but {self.claim}, of the image '{self.image[-200:]}'.{more}"


class Comparison:
    """Compares the labels of tables with the claims beside them, row by row.

    A contradiction by a doubtful word counts only if no row agrees with the word. The folder `photos` with both real
    and AI images names no class.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Contradiction] = {}
        self._agreed: set[tuple[str, str]] = set()

    def add(self, table: str, row: int, image: str, label: Claim, claim: Claim | None) -> None:
        """Record whether the label of an image agrees with a claim beside it."""
        if claim is None:
            return
        key = (claim.where, claim.word)
        if claim.label != label.label:
            known = self._found.get(key, Contradiction(table, row, image, label, claim, rows=0))
            self._found[key] = replace(known, rows=known.rows + 1)
        elif not claim.certain:
            self._agreed.add(key)

    def find(self, *, doubtful: bool = False) -> Contradiction | None:
        """Return the first contradiction, with the number of all, or None; `doubtful` counts every doubtful word."""
        standing = [found for key, found in self._found.items() if doubtful or key not in self._agreed]
        return replace(standing[0], rows=sum(found.rows for found in standing)) if standing else None


def read_cell(title: str, cell: str, *, numbers: bool = False) -> Claim | None:
    """Return what a cell beside the label claims, or None.

    1. A word for a class claims a label in any column.
    2. A doubtful word, which may also say what a picture shows, claims a label only in a column titled like a label.
       The claim is certain only if the title contains the word `label`.
    3. A number claims a label in a column titled after a class, such as `is_real`; with `numbers` it does so in any
       column.
    """
    word = cell.strip()
    if not word or len(word) > _LONGEST_WORD or len(title) > _LONGEST_TITLE:
        return None
    where = f"in the column '{title}'"
    if word.lower() in YES_AND_NO:
        answered = label_of(word, title) if numbers or named_by(title) else None
        return Claim(where, word, answered) if answered else None
    label = find_label(word)
    if label is None:
        return None
    certain = not is_doubtful(word) or "label" in title.lower()
    return Claim(where, word, label, certain) if certain or speaks_of_labels(title) else None


def speaks_of_labels(title: str) -> bool:
    """Whether a column is titled like a label, or after a class."""
    if len(title) > _LONGEST_TITLE:
        return False
    return any(part in title.lower() for part in _LABEL_TITLES) or named_by(title) is not None


@lru_cache(maxsize=4096)
def read_class_folder(folders: PurePosixPath) -> Claim | None:
    """Return what the innermost class folder among `folders` claims, or None if none is a class folder."""
    for name in reversed(folders.parts):
        label = find_label(name)
        if label is not None:
            return Claim("as a folder", name, label, not is_doubtful(name))
    return None


def label_of(word: str, title: str) -> str | None:
    """Return the label that a number or a boolean stands for in a column of this title, or None.

    In a column named after a class, 1 and true stand for the class. In others 1 is AI, and true stands for nothing.
    """
    yes, named = YES_AND_NO.get(word.lower()), named_by(title)
    if yes is None or named is None:
        return NUMBERS.get(word)
    return named if yes else CLASSES[1 - CLASSES.index(named)]


def named_by(title: str) -> str | None:
    """Return the label of the class that a column is named after, as `is_ai` and `Fake` are; None for other titles."""
    if len(title) > _LONGEST_TITLE:
        return None
    lower = title.strip().lower()
    words = (lower, lower.removeprefix("is_"), lower.removeprefix("is"))
    return next((find_label(word) for word in words if find_label(word) and not is_doubtful(word)), None)
