"""Lists images whose folders name their class, and also reads split and generator from the folders."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import structlog

from model.errors import SourceError
from model.labels import AI, CLASSES, describe_spellings, find_label
from model.sources.entries import Entry
from model.sources.labelled_image import LabelledImage
from model.sources.tree import Member, Tree, is_image

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""The splits of a data set and the folder names that stand for them, in lower case."""

UNKNOWN_GENERATOR = "unknown"
"""The generator of an AI image when the source does not say."""

_GENIMAGE_CLASSES = ("ai", "nature")
_CNNDETECTION_CLASSES = ("0_real", "1_fake")

FindGenerator = Callable[[PurePosixPath], str | None]
"""Returns the name of the generator among the folders above an image, or None."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reading:
    """What the folders above an image say about it."""

    label: str
    split: str | None


def list_class_folders(tree: Tree, *, find_generator: FindGenerator = lambda _: None) -> Iterator[Entry]:
    """List the images of a tree with class folders; other files are counted and logged once at the end.

    Raises SourceError for an image whose folders name no label, or two.
    """
    skipped: Counter[str] = Counter()
    for member in tree.members():
        if is_image(member.path):
            folders = folders_of(member.path)
            reading = read_folders(folders)
            generator = find_generator(folders)
            yield entry_of(member, source=tree.source, label=reading.label, split=reading.split, generator=generator)
        else:
            skipped[PurePosixPath(member.path).suffix.lower() or "none"] += 1
    if skipped:
        _log.info("files_skipped", source=tree.source, count=skipped.total(), suffixes=dict(skipped.most_common(5)))


def entry_of(
    member: Member,
    *,
    source: str,
    label: str,
    split: str | None,
    generator: str | None = None,
    claims: tuple[str, ...] = (),
) -> Entry:
    """Return the entry of one image file; `generator` is used for an AI image only."""

    def read() -> Iterator[LabelledImage]:
        yield LabelledImage(
            data=member.read(),
            label=label,
            source=source,
            origin=member.path,
            generator=(generator or UNKNOWN_GENERATOR) if label == CLASSES[AI] else None,
            split=split,
        )

    return Entry(member.path, read, member.stamp, claims)


def folders_of(path: str) -> PurePosixPath:
    """Return the folders above a file; files in the same folder share one cached object."""
    return _as_path(path.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _as_path(folders: str) -> PurePosixPath:
    return PurePosixPath(folders)


@lru_cache(maxsize=4096)
def read_folders(folders: PurePosixPath) -> Reading:
    """Find the label and the split among `folders`, in any order and at any depth; other folders say nothing.

    Raises SourceError if no folder names a label, or if two folders contradict each other about the label or the split.
    """
    label = _only((find_label(name) for name in folders.parts), folders, "label")
    if label is None:
        raise SourceError(
            f"The images in '{_shorten(folders)}' have no label: none of these folders names a class, and there is no "
            f"CSV with their labels. {describe_spellings()}"
        )
    return Reading(label, read_split(folders))


def read_split(folders: PurePosixPath) -> str | None:
    """Find the split among `folders`; raises SourceError if two folders name different splits."""
    return _only((find_split(name) for name in folders.parts), folders, "split")


def find_split(folder: str) -> str | None:
    """Return the split that a folder's name stands for, or None."""
    return next((split for split, spellings in SPLITS.items() if folder.lower() in spellings), None)


def _only(found: Iterator[str | None], folders: PurePosixPath, what: str) -> str | None:
    values = {value for value in found if value is not None}
    if len(values) > 1:
        raise SourceError(
            f"'{_shorten(folders)}' names more than one {what}: {', '.join(sorted(values))}. "
            "Rename the folder that is not meant, or give a folder further down as the source."
        )
    return values.pop() if values else None


def _shorten(folders: PurePosixPath) -> str:
    text = str(folders)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-99:]}"


def above_the_split(folders: PurePosixPath) -> str | None:
    """Find the generator in GenImage's `<generator>/{train,val}/{ai,nature}` (arXiv 2306.08571)."""
    above = folders.parts[:-2]
    return above[-1] if above and is_genimage(folders) else None


def outermost(folders: PurePosixPath) -> str | None:
    """Find the generator in CNNDetection's `<generator>/[<class>/]{0_real,1_fake}` (arXiv 1912.11035)."""
    above = [name for name in folders.parts[:-1] if find_split(name) is None]
    return above[0] if above and is_cnndetection(folders) else None


def is_genimage(folders: PurePosixPath) -> bool:
    """Whether `folders` are in GenImage's layout, below a generator."""
    *above, split, name = ("", "", *folders.parts)
    return name in _GENIMAGE_CLASSES and find_split(split) is not None and any(above)


def is_cnndetection(folders: PurePosixPath) -> bool:
    """Whether `folders` are in CNNDetection's layout."""
    return folders.name in _CNNDETECTION_CLASSES
