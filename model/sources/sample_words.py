"""Reads what the files beside an image of a WebDataset sample say: the label, and what a table would say beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from model.errors import ContradictingLabels, SourceError
from model.labels import describe_spellings, find_label, is_doubtful
from model.sources.claims import Claim, read_cell, read_class_folder
from model.sources.csv_columns import (
    COLLECTION_COLUMNS,
    GENERATOR_COLUMNS,
    SPLIT_COLUMNS,
    find_title,
    is_label_title,
    read_label,
)
from model.sources.exported import MARK
from model.sources.told import Told, read_told

SUFFIXES: Final = (".json", ".cls", ".txt")
"""The endings of files that say something about the image of the same name."""

MOST_BYTES: Final = 1_000_000
"""Most bytes of such a file."""

_MOST_FIELDS: Final = 1_000
_CLS: Final = "in the .cls file"
_TXT: Final = "in the .txt file"


@dataclass(frozen=True, slots=True)
class Said:
    """What a sample says about its image; the label is None if it says nothing about the label.

    `odd_split` is a word for a split that is not understood. `exported` is all that the `.json` of an export says.
    """

    label: str | None
    told: Told
    odd_split: str | None
    exported: Mapping[str, Any] | None = None


def read_words(files: Mapping[str, bytes], image: str) -> Said:
    """Read the files of a sample by their endings; `image` is the path of the sample's image.

    1. A field of the `.json` that is titled like a label column gives the label, as a table's cell does.
    2. Without such a field the `.cls` gives the label: a word, or 0 (real) or 1 (AI).
    3. Without both, a `.txt` whose whole text is a word for a class, or else a class folder around the image.

    Raises SourceError for a label that is not understood, and for files that cannot be read. Raises ContradictingLabels
    if a further file, field or folder says the opposite.
    """
    found = _json(files.get(".json"), image)
    fields = {title: _cell(value) for title, value in found.items() if isinstance(value, str | int | float)}
    cls, text = _text(files.get(".cls"), image), _text(files.get(".txt"), image)
    folder = read_class_folder(PurePosixPath(image).parent)
    label = _of_fields(fields, image) or (_required(cls, "label", _CLS, image) if cls else None)
    beside = [read_cell(title, cell) for title, cell in fields.items()] + [_word(cls, _CLS), _word(text, _TXT)]
    if label is None:
        label = _word(text, _TXT) or folder
    for claim in (*beside, folder):
        if label and claim and claim.certain and claim.label != label.label:
            raise ContradictingLabels(
                f"The sample of '{image}' contradicts itself: {label}, but {claim}. Correct the one that is wrong, or "
                "remove it if it is about something else."
            )
    split = _cell_of(fields, SPLIT_COLUMNS)
    told = read_told(split, _cell_of(fields, GENERATOR_COLUMNS), _cell_of(fields, COLLECTION_COLUMNS))
    return Said(
        label.label if label else None,
        told,
        odd_split=split if split and told.split is None else None,
        exported=found if MARK.decode() in found else None,
    )


def _of_fields(fields: Mapping[str, str], image: str) -> Claim | None:
    for title, cell in fields.items():
        if is_label_title(title) and cell:
            return _required(cell, title, f"in the field '{title}' of the .json file", image)
    return None


def _required(word: str, title: str, where: str, image: str) -> Claim:
    found = read_label(word, title)
    if found is None:
        raise SourceError(
            f"The sample of '{image}': '{word[:50]}' names no label {where}. Known are 0 (real), 1 (AI) and words. "
            f"{describe_spellings()}"
        )
    return Claim(where, word, found.label)


def _word(word: str, where: str) -> Claim | None:
    label = find_label(word)
    return Claim(where, word, label, not is_doubtful(word)) if label else None


def _cell_of(fields: Mapping[str, str], known: Sequence[str]) -> str:
    titles = list(fields)
    index = find_title(titles, known)
    return "" if index is None else fields[titles[index]]


def _json(content: bytes | None, image: str) -> dict[str, Any]:
    """Return the fields of a `.json` file; a bare value is its label."""
    if content is None:
        return {}
    try:
        found = json.loads(_text(content, image))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"The .json file beside '{image}' is no JSON: {error}.") from error
    if not isinstance(found, dict):
        found = {"label": found}
    if len(found) > _MOST_FIELDS:
        raise SourceError(
            f"The .json file beside '{image}' has {len(found):,} fields; at most {_MOST_FIELDS:,} are read."
        )
    return found


def _cell(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _text(content: bytes | None, image: str) -> str:
    if content is None:
        return ""
    if len(content) > MOST_BYTES:
        raise SourceError(f"A file beside '{image}' has more than {MOST_BYTES:,} bytes: it is no label.")
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise SourceError(f"A file beside '{image}' is not UTF-8: {error.reason} at byte {error.start:,}.") from error
