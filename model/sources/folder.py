"""A folder tree with class folders as a source of labelled images."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from model.sources.labelled import LabelledImage
from model.sources.layout import READ_AT_MOST, Member, find_images, load_images


def read_folder(root: Path) -> Iterator[LabelledImage]:
    """Yield the images below `root`, sorted by path; see `model.sources.layout` for what the folders mean.

    Links are ignored, so that nothing outside `root` is read; so are devices and pipes. The whole tree is looked
    through before the first image is read: a class folder that is not understood (SourceError) costs no waiting.
    """
    root = root.resolve()
    members = (Member(path.relative_to(root).as_posix(), partial(_read, path)) for path in _walk(root))
    return load_images(list(find_images(members, source=root.name)), source=root.name)


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        by_name = sorted(entries, key=lambda entry: entry.name)
    for entry in by_name:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(READ_AT_MOST)
