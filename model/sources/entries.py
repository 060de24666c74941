"""Lists a source before any image is read: entries hold images, and containers hold entries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

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
class Listed:
    """A file of a store as the list of its folder shows it.

    - `address`: the path on the store's file system.
    - `size`: in bytes.
    - `etag`: the store's name for the content, as the store writes it.
    - `stamp`: as `Stamp` returns it.
    """

    address: str
    size: int
    etag: str
    stamp: str


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image that is one file of a store: all that is needed to read the image without a list of the store.

    `path` is the path inside the source, `source` the name that the source gives itself. `claims` are those of Entry.
    """

    path: str
    listed: Listed
    source: str
    facts: Facts
    claims: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return the image file whose fields `told` holds, as JSON knows them."""
        listed, facts, claims = Listed(**told["listed"]), Facts(**told["facts"]), tuple(told["claims"])
        return cls(told["path"], listed, told["source"], facts, claims)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file with an image, or one group of a shard's rows, at a `path` inside the source.

    `images` reads the images; call it before the listing goes on, because a tar is one stream. `claims` are facts about
    the images from elsewhere, such as the label in a table. An entry with a `remark` holds no image: the listing says
    something about the source. `known` returns the facts about each image without reading it; None if only reading
    tells them. Without a `revision`, its container's counts. `file` is the image's file on a store, and None for
    any other entry.
    """

    path: str
    images: Callable[[], Iterator[LabelledImage]]
    stamp: Stamp = no_stamp
    claims: tuple[str, ...] = ()
    revision: Revision = no_revision
    remark: Remark | None = None
    known: Callable[[], Iterator[Facts]] | None = None
    file: ImageFile | None = None

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
            yield replace(item, images=partial(_retold_images, item, tell), file=None)


def _retold_entries(container: Container, tell: Callable[[LabelledImage], LabelledImage]) -> Iterator[Item]:
    return retold(container.entries(), tell)


def _retold_images(entry: Entry, tell: Callable[[LabelledImage], LabelledImage]) -> Iterator[LabelledImage]:
    return map(tell, entry.images())
