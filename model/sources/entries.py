"""Lists a source before any image is read: entries hold images, and containers hold entries."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from model.sources.labelled_image import LabelledImage

Stamp = Callable[[], str | None]
"""Returns a text that changes with a file's content, such as size and time, or None if changes cannot be detected. A
call may cost a request to a server."""


def no_stamp() -> None:
    """Return no stamp: changes cannot be detected, so the file is read each time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file with an image, or one group of a shard's rows, at a `path` inside the source.

    `images` reads the images; call it before the listing goes on, because a tar is one stream. `claims` are facts about
    the images from elsewhere, such as the label in a table.
    """

    path: str
    images: Callable[[], Iterator[LabelledImage]]
    stamp: Stamp = no_stamp
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """One file that holds many entries, such as an archive or a shard; `entries` opens the file."""

    path: str
    entries: Callable[[], Iterator["Entry | Container"]]
    stamp: Stamp = no_stamp


Item = Entry | Container


def read_all(items: Iterable[Item]) -> Iterator[LabelledImage]:
    """Read every image of some items."""
    for item in items:
        if isinstance(item, Container):
            yield from read_all(item.entries())
        else:
            yield from item.images()
