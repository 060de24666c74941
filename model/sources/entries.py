"""What a source lists before any image is read: entries, which hold images, and containers, which hold entries."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from model.sources.labelled_image import LabelledImage

Stamp = Callable[[], str | None]
"""What changes when a file's content does, such as its size and its time. Asking may cost a request to a server."""


def no_stamp() -> None:
    """Return no stamp: changes cannot be detected, so the file is read each time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file with an image, or one group of a shard's rows, at a `path` inside the source.

    `images` reads its images; a tar is one stream, so they are read before the listing goes on. `claims` say what is
    known of them from elsewhere, such as the label in a table.
    """

    path: str
    images: Callable[[], Iterator[LabelledImage]]
    stamp: Stamp = no_stamp
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """One file that holds many entries, an archive or a shard; `entries` opens it."""

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
