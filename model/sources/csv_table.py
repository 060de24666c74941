"""Reads a CSV that lists images and their labels: from the bytes of the file to one Line for each image."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from model.errors import ContradictingLabels, SourceError
from model.labels import AI, CLASSES, describe_spellings
from model.sources.claims import NUMBERS, YES_AND_NO, Claim, Comparison, read_cell
from model.sources.csv_columns import (
    LABEL_COLUMNS,
    Columns,
    choose_name,
    find_columns,
    is_label_title,
    read_label,
    slashes,
)
from model.sources.csv_text import read_lines
from model.sources.folder_names import names_generator
from model.sources.labelled_image import LONGEST_ORIGIN
from model.sources.remarks import Remarks
from model.sources.told import Told, read_told
from model.sources.tree import is_image

NUMBERS_ARE_WRONG = "If 1 stands for real images in this table, write words in place of its numbers."
"""A way out that errors name if a label contradicts another column or a folder."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its `number`, the image's `name` as written, and the claim of its label cell (`said`)."""

    number: int
    name: str
    said: Claim
    told: Told

    @property
    def label(self) -> str:
        """The label that the line gives its image, 'real' or 'ai'."""
        return self.said.label


def has_labels(content: bytes, *, path: str) -> bool:
    """Whether the first line of a table titles a column of labels; raises SourceError as `read_table` does."""
    _, titles = next(read_lines(content, path), (0, []))
    return any(map(is_label_title, titles))


def read_table(
    content: bytes, *, path: str, exists: Callable[[str], bool] = lambda _: False, remarks: Remarks | None = None
) -> Iterator[Line] | None:
    """Return the lines of a table, or None if it lists no labelled images, as for an unlabelled test set.

    The first line names the columns. `find_columns` says which column is which. If several columns name images, the
    one whose images exist counts. Lines that name no image are counted in `remarks`.

    Raises SourceError for a table that cannot be read, is too large, or too deep. The lines raise SourceError for
    a cell that names no label. At the end they raise ContradictingLabels for a label that another column contradicts.
    """
    if len(path) > LONGEST_ORIGIN:  # each line is looked for beside the table
        raise SourceError(
            f"The path of the table '{path[:100]}…{path[-100:]}' has {len(path):,} characters; at most "
            f"{LONGEST_ORIGIN:,} are read. Move the table up."
        )
    lines = read_lines(content, path)
    _, titles = next(lines, (0, []))
    columns, names = find_columns(titles, lines)
    if columns is None:
        return None
    if len(names) > 1:
        columns = replace(columns, name=choose_name(names, _rows(content, path), exists))
    return _read_lines(content, columns, path, Remarks() if remarks is None else remarks)


def _rows(content: bytes, path: str) -> Iterator[tuple[int, list[str]]]:
    lines = read_lines(content, path)
    next(lines)
    return lines


def _read_lines(content: bytes, columns: Columns, path: str, remarks: Remarks) -> Iterator[Line]:
    comparison, generators = Comparison(), _Generators(path)
    ours, titles = (columns.name, columns.label), columns.titles
    labels = {index for index, title in enumerate(titles) if title.lower() in LABEL_COLUMNS}
    for number, cells in _rows(content, path):
        if len(cells) <= max(columns.name, columns.label):
            raise SourceError(f"Line {number} of the table '{path}' ends early: it has {len(cells)} cells.")
        name = slashes(cells[columns.name])
        if not is_image(name):
            suffix = PurePosixPath(name).suffix.lower()
            if suffix or not name:
                what = f"whose file ends in '{suffix[:20]}', which is no image that is read" if name else "of no file"
                remarks.add(f"Left out: a line of the table '{path}' {what}.", f"line {number}: {name}")
                continue
        said = read_label(cells[columns.label], titles[columns.label])
        if said is None:
            raise _no_label(number, path, cells[columns.label], titles[columns.label])
        in_words = said.word not in NUMBERS
        for index, (title, cell) in enumerate(zip(titles, cells, strict=False)):  # as far as the shorter of the two
            if cell and index not in ours:
                claim = read_cell(title, cell, numbers=in_words and index in labels)
                comparison.add(path, number, name, said, claim)
        told = read_told(*(_cell(cells, index) for index in (columns.split, columns.generator, columns.collection)))
        if columns.split is not None and told.split is None and (word := _cell(cells, columns.split)):
            remarks.add(
                f"The table '{path}' gives the split '{word[:50]}', which is not understood: these images are divided "
                "as if they had none. Known are train, val and test.",
                f"line {number}: {name}",
                warns=True,
            )
        generators.add(number, name, said, told)
        yield Line(number, name, said, told)
    found = comparison.find()
    if found:
        raise ContradictingLabels(
            f"Line {found.row} of the table '{path}' contradicts itself: {found} {NUMBERS_ARE_WRONG} If the other "
            "column is about something else, remove it."
        )
    generators.refuse_on_real_images()


class _Generators:
    """Finds a generator that a table names beside real images alone: such labels are likely the wrong way round."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._of_ai: set[str] = set()
        self._of_real: dict[str, tuple[int, str, Claim]] = {}

    def add(self, number: int, name: str, said: Claim, told: Told) -> None:
        if told.generator is None:
            return
        if said.label == CLASSES[AI]:
            self._of_ai.add(told.generator)
        elif names_generator(told.generator):
            self._of_real.setdefault(told.generator, (number, name, said))

    def refuse_on_real_images(self) -> None:
        for generator, (number, name, said) in self._of_real.items():
            if generator not in self._of_ai:
                raise ContradictingLabels(
                    f"Line {number} of the table '{self._table}' contradicts itself: {said}, but the generator is "
                    f"'{generator[:100]}', of the image '{name[-200:]}'. {NUMBERS_ARE_WRONG} If a camera took the "
                    "image, leave its generator empty."
                )


def _cell(cells: list[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _no_label(number: int, path: str, cell: str, title: str) -> SourceError:
    known = f"Known are 0 (real), 1 (AI) and words. {describe_spellings()}"
    if cell.strip().lower() in YES_AND_NO:
        known = "Name the column after the class that it stands for, such as is_ai. Or write words in place of it."
    return SourceError(f"Line {number} of the table '{path}': '{cell[:50]}' names no label in '{title[:50]}'. {known}")
