"""Part: the share of a run's sources that one task collects, without what was read of them before."""

from collections.abc import Generator, Iterable, Iterator

from pydantic.dataclasses import dataclass

from model.dataset.digest_set import Digests, digest
from model.sources.declaration import Source, as_declared, without_images
from model.sources.entries import Container, Entry, Item
from model.sources.kinds import open_source
from model.sources.labelled_image import LabelledImage


@dataclass(frozen=True)
class Part:
    """Part `number` (from 1) of `of` equal ones of all images of the `sources`; fit for JSON and back."""

    number: int
    of: int
    sources: tuple[Source, ...]

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"

    def holds(self, entry: Entry) -> bool:
        """Whether an entry is this part's: the hash of its path decides, whatever its neighbours."""
        return int.from_bytes(digest(entry.path)) % self.of == self.number - 1


def holds_anything_new(source: Source, *, parts: int, seen: Digests) -> bool:
    """Whether `parts` parts would read any image of a source that is not in `seen`; no image is read to find out.

    Raises SourceError for a source that cannot be listed, or holds no image although it may not be empty.
    """
    found = new = False
    with open_source(source.location) as items:
        for item in items:
            found = True
            new = new or any(key is None or key not in seen for key in _keys(source, item, parts))
    if not found and not source.may_be_empty:
        raise without_images(source)
    return new


def read_part(source: Source, part: Part, *, seen: Digests, read: Digests) -> Iterator[LabelledImage]:
    """Yield the images of a source that are the part's and not in `seen`, and add their keys to `read`.

    Raises SourceError as `holds_anything_new` does, and for an image that cannot be read.
    """

    def is_new(key: bytes | None) -> bool:
        if key is None:
            return True
        if key in seen:
            return False
        read.add(key)
        return True

    def read_new(items: Iterable[Item]) -> Generator[LabelledImage, None, bool]:
        """Yield the images; return whether there is any image, in whichever part."""
        found = False
        for item in items:
            if isinstance(item, Container):
                if is_new(_container_key(source, item, part.number, part.of)):
                    found |= yield from read_new(item.entries())
                else:
                    found = True
            else:
                found = True
                if part.holds(item) and is_new(_entry_key(source, item)):
                    yield from (as_declared(image, source) for image in item.images())
        return found

    with open_source(source.location) as items:
        found = yield from read_new(items)
    if not found and not source.may_be_empty:
        raise without_images(source)


def _keys(source: Source, item: Item, parts: int) -> Iterator[bytes | None]:
    if isinstance(item, Container):
        yield from (_container_key(source, item, number, parts) for number in range(1, parts + 1))
    else:
        yield _entry_key(source, item)


def _entry_key(source: Source, entry: Entry) -> bytes | None:
    return _key(source, entry.path, entry.stamp(), *entry.claims)


def _container_key(source: Source, container: Container, number: int, of: int) -> bytes | None:
    return _key(source, container.path, container.stamp(), str(number), str(of))


def _key(source: Source, path: str, stamp: str | None, *words: str) -> bytes | None:
    """Return the digest of what is read and of how it is read; None when a change of it would not show.

    Its name and generator are no part of it: they are taken down when an image enters, and stay as they are.
    """
    return None if stamp is None else digest(source.location, source.neutralise, path, stamp, *words)
