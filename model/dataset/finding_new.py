"""Finds out whether a source holds anything new, and gives each item the digest by which it is known later."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from model.dataset.digest_set import Digests, digest
from model.dataset.listing import Found
from model.processes import beat
from model.sources.declaration import Source, without_images
from model.sources.entries import Container, Entry, ImageFile, Item
from model.sources.kinds import open_source
from model.sources.remarks import Remark
from model.sources.web.reach import PUBLIC, Reach

Record = Callable[[Source, ImageFile], None]
"""Is called with a source, and a new image of the source that is one file of a store."""


def find_new(
    source: Source, *, parts: int, seen: Digests, reach: Reach = PUBLIC, record: Record = lambda _source, _file: None
) -> Found:
    """Find out whether a source, read in `parts` parts, lists any image that is not in `seen`; reads no image.

    `record` is called with each new image that is one file of a store. The calls count only if the result is `listed`.
    Raises SourceError for a source that cannot be listed, or holds no image although it may not be empty.
    """
    found, new, listed, remarks = False, False, True, list[Remark]()
    with open_source(source.location, reach) as items:
        for item in items:
            beat()
            if isinstance(item, Entry) and item.remark is not None:
                remarks.append(item.remark)
                continue
            found = True
            file = item.file if isinstance(item, Entry) else None
            listed = listed and file is not None
            if new and not listed:
                continue
            if any(key is None or key not in seen for key in _keys(source, item, parts)):
                new = True
                if listed and file is not None:
                    record(source, file)
    if not found and not source.may_be_empty:
        raise without_images(source, remarks)
    return Found(new, listed and found, tuple(remarks))


def entry_key(source: Source, entry: Entry) -> bytes | None:
    """Return the digest of an entry and of how it is read; None if changes of the entry cannot be detected."""
    return _key(source, entry.path, entry.stamp(), *entry.claims)


def container_key(source: Source, container: Container, number: int, of: int) -> bytes | None:
    """Return the digest of a container as part `number` of `of` reads it; None as `entry_key` does."""
    return _key(source, container.path, container.stamp(), str(number), str(of))


def _keys(source: Source, item: Item, parts: int) -> Iterator[bytes | None]:
    if isinstance(item, Container):
        stamp = item.stamp()  # once, for it may cost a request to a server
        once = replace(item, stamp=lambda: stamp)
        yield from (container_key(source, once, number, parts) for number in range(1, parts + 1))
    else:
        yield entry_key(source, item)


def _key(source: Source, path: str, stamp: str | None, *words: str) -> bytes | None:
    # The declared name and generator are left out: an image keeps the ones with which it entered.
    return None if stamp is None else digest(source.location, source.neutralise, path, stamp, *words)
