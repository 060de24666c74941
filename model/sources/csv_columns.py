"""Finds the columns of a table that name images, labels, generators, collections and splits, by all of its rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from model.labels import find_label
from model.sources.claims import Claim, label_of, named_by
from model.sources.splits import find_split
from model.sources.tree import is_image

LABEL_COLUMNS: Final = ("label", "labels", "class", "category", "target", "is_ai", "is_fake", "ai", "fake", "generated")
"""Titles of label columns, in lower case. Further ones are named after a class, such as `is_real`."""

GENERATOR_COLUMNS: Final = ("generator", "generator_name", "generated_by", "ai_model", "model_name", "model")
COLLECTION_COLUMNS: Final = ("collection", "source", "dataset", "dataset_name", "source_dataset")
SPLIT_COLUMNS: Final = ("split", "partition", "data_split", "dataset_split")
"""Titles of columns that say more about an image, in lower case with `_` for blanks, the likeliest first."""

_MAY_BE_SPLIT: Final = ("set", "subset", "usage", "phase", "fold")
"""Titles of columns that hold splits only if a cell below is understood as one."""

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Columns:
    """Indices of the columns with the image's name, its label and what else is read, and the titles of all columns."""

    name: int
    label: int
    titles: tuple[str, ...]
    generator: int | None = None
    collection: int | None = None
    split: int | None = None


def is_label_title(title: str) -> bool:
    """Whether a column of this title holds labels: by LABEL_COLUMNS, or because it is named after a class."""
    return title.strip().lower() in LABEL_COLUMNS or named_by(title) is not None


def find_columns(titles: Sequence[str], rows: Iterable[Row]) -> tuple[Columns | None, list[int]]:
    """Find the columns of a table by its titles and `rows`; None without a label column, or a column of images.

    Of several label columns that one counts of which most cells name a label, the first of equals. A column named after
    a class, such as `fake_image`, is one only if a cell names a label. The image's column is the first that names at
    least half as many images as any other; the list names all such columns.
    """
    titles = tuple(title.strip() for title in titles)
    labels = [index for index, title in enumerate(titles) if is_label_title(title)]
    if not labels:
        return None, []
    likely = [index for index, title in enumerate(titles) if title.lower() in _MAY_BE_SPLIT]
    naming, labelling, splitting = Counter[int](), Counter[int](), set[int]()
    for _, cells in rows:
        for index, cell in enumerate(cells):
            if "." in cell and is_image(slashes(cell)):
                naming[index] += 1
        for index in labels:
            labelling[index] += index < len(cells) and read_label(cells[index], titles[index]) is not None
        splitting.update(index for index in likely if index < len(cells) and find_split(cells[index].strip()))
    labels = [index for index in labels if labelling[index] or titles[index].lower() in LABEL_COLUMNS]
    if not naming or not labels:
        return None, []
    most = max(naming.values())
    names = [index for index in sorted(naming) if 2 * naming[index] >= most]
    split = find_title(titles, SPLIT_COLUMNS)
    columns = Columns(
        names[0],
        max(labels, key=lambda index: (labelling[index], -index)),
        titles,
        find_title(titles, GENERATOR_COLUMNS),
        find_title(titles, COLLECTION_COLUMNS),
        split if split is not None else min(splitting, default=None),
    )
    return columns, names


def choose_name(names: Sequence[int], rows: Iterable[Row], exists: Callable[[str], bool]) -> int:
    """Return the first of the columns `names` of whose images at least half as many exist as of any other's."""
    existing = Counter[int]()
    for _, cells in rows:
        for index in names:
            existing[index] += index < len(cells) and exists(slashes(cells[index]))
    most = max(existing.values(), default=0)
    return next(index for index in names if 2 * existing[index] >= most)


@lru_cache(maxsize=4096)
def read_label(cell: str, title: str) -> Claim | None:
    """Return the label that a cell of a label column names, or None.

    A word names a label. In a column named after a class, such as `is_fake`, 1 and true stand for the class. In others
    1 stands for AI, and true for nothing.
    """
    word = cell.strip()
    label = find_label(word) or label_of(word, title)
    return Claim(f"in the column '{title}'", word, label) if label else None


def slashes(name: str) -> str:
    """Return a file's name as it is compared with paths: without blanks around it, with '/' between folders."""
    return name.strip().replace("\\", "/")


def find_title(titles: Sequence[str], known: Sequence[str]) -> int | None:
    """Return the index of the title that comes first in `known`, or None if no title is known."""
    lower = [title.lower().replace(" ", "_").replace("-", "_") for title in titles]
    return next((lower.index(title) for title in known if title in lower), None)
