"""Finds out what the folders of a source mean beside the class: the split, the generator, and the collection."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath

from model.errors import SourceError
from model.labels import AI, CLASSES, REAL, describe_spellings, find_label, is_doubtful
from model.sources.folder_names import names_generator, names_subject, says_nothing
from model.sources.splits import find_split, is_plain, may_name_split

FindGenerator = Callable[[PurePosixPath], str | None]
"""Returns the name of the generator among the folders above an image, or None."""


@dataclass(frozen=True)
class Reading:
    """What the folders above an image say about it; None where they say nothing. `odd_split` is not understood."""

    label: str | None
    split: str | None = None
    generator: str | None = None
    collection: str | None = None
    odd_split: str | None = None


class Layout:
    """Reads the folders of a source, each by what the others show.

    1. A folder below the class folders of AI images names the generator: `ai/flux/`. If real images lie in folders of
       the same names, or one is called after a common subject, the folders say what pictures show: `ai/cats/`. Then
       only known generators count.
    2. The first folder above the class that not all images share names the collection: `<collection>/{real,ai}/`.
    3. Dates, numbers and words such as `images` name neither.
    4. `train_data/` names the published split only if other folders name `val` or `test`; `train/` always does.
    """

    def __init__(self, folders: Iterable[PurePosixPath], find_generator: FindGenerator = lambda _: None) -> None:
        """Look at all `folders` with images; raises SourceError if two folders above an image name different splits."""
        self._find_generator = find_generator
        self._known: dict[PurePosixPath, Reading] = {}
        paths = set(folders)
        self._shared = _shared(paths)
        self.publishes = any(read_split(path) in ("val", "test") for path in paths)
        real = {name.casefold() for path in paths if _label(path) == CLASSES[REAL] for name in _below(path)}
        ai = {below[0] for path in paths if _label(path) == CLASSES[AI] and (below := _below(path))}
        self._shows_subjects = any(name.casefold() in real or names_subject(name) for name in ai)

    def read(self, folders: PurePosixPath) -> Reading:
        """Return what `folders` say, the innermost of two classes; raises SourceError if they name two splits."""
        if folders not in self._known:
            self._known[folders] = self._read(folders)
        return self._known[folders]

    def _read(self, folders: PurePosixPath) -> Reading:
        label, split = _label(folders), read_split(folders)
        if split == "train" and not self.publishes and not any(map(is_plain, folders.parts)):
            split = None
        odd = (name for name in folders.parts if find_label(name) is None and may_name_split(name))
        generator = self._generator(folders) if label == CLASSES[AI] else None
        return Reading(label, split, generator, self._collection(folders), None if split else next(odd, None))

    def _generator(self, folders: PurePosixPath) -> str | None:
        named = self._find_generator(folders)
        if named is not None and not says_nothing(named) and not names_subject(named):
            return named
        below = _below(folders)
        known = next(filter(names_generator, below), None)
        return known or (None if self._shows_subjects or not below else below[0])

    def _collection(self, folders: PurePosixPath) -> str | None:
        above = folders.parts[: _innermost_class(folders)][self._shared :]
        return next((name for name in above if find_label(name) is None and not says_nothing(name)), None)


def refuse_unlabelled(paths: Collection[PurePosixPath], *, hint: str = "") -> None:
    """Raise SourceError, with the `hint`, if one of the `paths` names no label, or two.

    A folder around all images, such as `photographs`, may say what they show, if folders in it name the classes.
    """
    shared = _shared(paths)
    around = next(iter(paths)).parts[:shared] if paths else ()
    inner = [PurePosixPath(*path.parts[shared:]) for path in paths]
    if all(is_doubtful(name) or find_label(name) is None for name in around) and all(map(_label, inner)):
        paths = inner
    for path in paths:
        read_label(path, hint=hint)


def read_label(folders: PurePosixPath, *, hint: str = "") -> str:
    """Return the label that `folders` name; raises SourceError, with the `hint`, if they name none, or two."""
    label = _only((find_label(name) for name in folders.parts), folders, "label")
    if label is None:
        raise SourceError(
            f"The images in '{_shorten(folders)}' have no label: none of these folders names a class, and there is no "
            f"CSV with their labels.{hint} {describe_spellings()}"
        )
    return label


def read_split(folders: PurePosixPath) -> str | None:
    """Find the split among `folders`; raises SourceError if two folders name different splits."""
    return _only((None if find_label(name) else find_split(name) for name in folders.parts), folders, "split")


def _label(folders: PurePosixPath) -> str | None:
    return next(filter(None, map(find_label, reversed(folders.parts))), None)


def _below(folders: PurePosixPath) -> list[str]:
    """Return the folders below the class that may say something."""
    inside = _innermost_class(folders)
    return [] if inside is None else [name for name in folders.parts[inside + 1 :] if not says_nothing(name)]


def _innermost_class(folders: PurePosixPath) -> int | None:
    classes = [number for number, name in enumerate(folders.parts) if find_label(name) is not None]
    return classes[-1] if classes else None


def _shared(paths: Iterable[PurePosixPath]) -> int:
    """Return how many folders, counted from the outermost, all images share."""
    parts = [path.parts for path in paths] or [()]
    ends = zip(min(parts), max(parts), strict=False)  # what the first and the last in order share, all share
    return sum(1 for _ in takewhile(lambda names: names[0] == names[1], ends))


def _only(found: Iterable[str | None], folders: PurePosixPath, what: str) -> str | None:
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
