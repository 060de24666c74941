"""Lists a source before any image is read: entries hold images, and containers hold entries."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from model.sources.labelled_image import LabelledImage
from model.sources.remarks import Remark

Stamp = Callable[[], str | None]
"""Returns a text that changes with a file's content, such as size and time, or None if changes cannot be detected. A
call may cost a request to a server."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source says about one image: its label; and split, generator and collection, None if it names none."""

    label: str
    split: str | None = None
    generator: str | None = None
    collection: str | None = None


def no_stamp() -> None:
    """Return no stamp: changes cannot be detected, so the file is read each time."""


Revision = Callable[[], str | None]
"""Returns what the store of a file calls its content: a commit, or an ETag. None if the store has no name for it. A
call may cost a request to a server."""


def no_revision() -> None:
    """Return no revision, as of a file on this machine."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file with an image, or one group of a shard's rows, at a `path` inside the source.

    `images` reads the images; call it before the listing goes on, because a tar is one stream. `claims` are facts about
    the images from elsewhere, such as the label in a table. An entry with a `remark` holds no image: the listing says
    something about the source. `known` returns the facts about each image without reading it; None if only reading
    tells them. Without a `revision`, its container's counts.
    """

    path: str
    images: Callable[[], Iterator[LabelledImage]]
    stamp: Stamp = no_stamp
    claims: tuple[str, ...] = ()
    revision: Revision = no_revision
    remark: Remark | None = None
    known: Callable[[], Iterator[Facts]] | None = None

    def facts(self) -> Iterator[Facts]:
        """Yield what the source says about each image; reads the images only if nothing else tells it."""
        if self.known is not None:
            return self.known()
        return (Facts(image.label, image.split, image.generator, image.collection) for image in self.images())


@dataclass(frozen=True, slots=True)
class Container:
    """One file that holds many entries, such as an archive or a shard; `entries` opens the file."""

    path: str
    entries: Callable[[], Iterator["Entry | Container"]]
    stamp: Stamp = no_stamp
    revision: Revision = no_revision


Item = Entry | Container


def tell(remarks: Iterable[Remark]) -> Iterator[Entry]:
    """Yield the entries that carry `remarks`; a listing ends with them."""
    return (Entry("", lambda: iter(()), remark=remark) for remark in remarks)


def read_all(items: Iterable[Item]) -> Iterator[LabelledImage]:
    """Read every image of some items."""
    for item in items:
        if isinstance(item, Container):
            yield from read_all(item.entries())
        else:
            yield from item.images()


def retold(items: Iterable[Item], tell: Callable[[LabelledImage], LabelledImage]) -> Iterator[Item]:
    """Yield the items with what `tell` makes of each of their images."""
    for item in items:
        if isinstance(item, Container):
            yield replace(item, entries=partial(_retold_entries, item, tell))
        else:
            yield replace(item, images=partial(_retold_images, item, tell))


def _retold_entries(container: Container, tell: Callable[[LabelledImage], LabelledImage]) -> Iterator[Item]:
    return retold(container.entries(), tell)


def _retold_images(entry: Entry, tell: Callable[[LabelledImage], LabelledImage]) -> Iterator[LabelledImage]:
    return map(tell, entry.images())
