"""What the folders of a data set say: path -> label and split. Folder trees and archives share this reading."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import structlog

from model.errors import SourceError
from model.images import SOURCE_LIMITS
from model.labels import AI, CLASSES, describe_spellings, find_label
from model.sources.labelled import LabelledImage

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""What a file must be called to count as an image; whether it is one, ingestion finds out."""

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""The splits of a data set and the folder names that stand for them, in lower case."""

UNKNOWN_GENERATOR = "unknown"
"""The generator of an AI image whose folders do not say."""

READ_AT_MOST = SOURCE_LIMITS.max_bytes + 1
"""Bytes read of one file: one more than is accepted, so that a larger file (or a zip bomb) is refused as too large
without ever being held in memory."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Member:
    """A file of a source: its path inside the source, with '/', and how to read up to READ_AT_MOST of its bytes."""

    path: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Reading:
    """What the folders above an image say about it."""

    label: str
    split: str | None


def find_images(members: Iterable[Member], *, source: str) -> Iterator[tuple[Member, Reading]]:
    """Keep the images among `members`, in their order; other files are counted and logged once at the end.

    Hidden files and those that macOS adds to archives are ignored. Raises SourceError for an image whose folders
    name no label, or two.
    """
    skipped: Counter[str] = Counter()
    for member in members:
        path = PurePosixPath(member.path)
        if _is_hidden(path):
            continue
        if path.suffix.lower() in IMAGE_SUFFIXES:
            yield member, read_folders(path.parent)
        else:
            skipped[path.suffix.lower() or "none"] += 1
    if skipped:
        _log.info("files_skipped", source=source, count=skipped.total(), suffixes=dict(skipped.most_common(5)))


def load_images(found: Iterable[tuple[Member, Reading]], *, source: str) -> Iterator[LabelledImage]:
    """Read what `find_images` found, one image at a time."""
    for member, reading in found:
        yield LabelledImage(
            data=member.read(),
            label=reading.label,
            source=source,
            origin=member.path,
            generator=UNKNOWN_GENERATOR if reading.label == CLASSES[AI] else None,
            split=reading.split,
        )


@lru_cache(maxsize=4096)
def read_folders(folders: PurePosixPath) -> Reading:
    """Find the label and the split among `folders`, in any order and at any depth; other folders say nothing.

    Raises SourceError when no folder or two contradicting ones name a label, or two contradicting ones a split.
    """
    label = _only((find_label(name) for name in folders.parts), folders, "label")
    if label is None:
        raise SourceError(
            f"The images in '{folders}' have no label: none of these folders names a class. {describe_spellings()}"
        )
    return Reading(label, _only((find_split(name) for name in folders.parts), folders, "split"))


def find_split(folder: str) -> str | None:
    """Return the split that a folder's name stands for, or None when it names none."""
    return next((split for split, spellings in SPLITS.items() if folder.lower() in spellings), None)


def _only(found: Iterable[str | None], folders: PurePosixPath, what: str) -> str | None:
    values = {value for value in found if value is not None}
    if len(values) > 1:
        raise SourceError(
            f"'{folders}' names more than one {what}: {', '.join(sorted(values))}. "
            "Rename the folder that is not meant, or give a folder further down as the source."
        )
    return values.pop() if values else None


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
