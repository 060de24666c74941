"""Lists a source, and counts what the source says about its images, without reading the images."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final

from model.dataset.ingest_parts import Part
from model.processes import beat
from model.sources.class_folders import UNKNOWN_GENERATOR
from model.sources.declaration import Source, without_images
from model.sources.entries import Container, Entry, Facts, Item
from model.sources.kinds import open_source
from model.sources.labelled_image import LONGEST_NAME
from model.sources.remarks import Remark
from model.sources.web.reach import PUBLIC, Reach

MOST_GROUPS: Final = 1_000
"""Most groups of images that are counted by themselves."""

OTHERS: Final = "(others)"
"""The generator of the images beyond MOST_GROUPS groups."""

_FEWEST_ENTRIES: Final = 20
"""Entries that a sample of a shard is taken from. The rows of one group may all have the same label."""

_LONGEST_ENDING: Final = 10


@dataclass
class Outline:
    """Numbers of `entries` (files, or groups of a shard's rows), and of images by facts and by the endings of names.

    `remarks` are what the listing says about the source.
    """

    entries: int = 0
    images: Counter[Facts] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    remarks: list[Remark] = field(default_factory=list)

    def add(self, entry: Entry, source: Source) -> None:
        """Count the images of an entry."""
        self.entries += 1
        ending = PurePosixPath(entry.path.partition("#")[0]).suffix.lower()[:_LONGEST_ENDING]
        for facts in entry.facts():
            self.endings[ending] += 1
            said = replace(facts, generator=_generator(facts, source))
            if said not in self.images and len(self.images) >= MOST_GROUPS:
                said = replace(said, generator=OTHERS)
            self.images[said] += 1


def outline(source: Source, reach: Reach = PUBLIC) -> Outline:
    """Return the outline of a source.

    Raises SourceError for a source that cannot be listed, contradicts itself, or holds no image although it may not be
    empty.
    """
    found = Outline()

    def count(items: Iterable[Item]) -> None:
        for item in items:
            beat()
            if isinstance(item, Container):
                count(item.entries())
            elif item.remark is not None:
                found.remarks.append(item.remark)
            else:
                found.add(item, source)

    with open_source(source.location, reach) as items:
        count(items)
    if not found.images and not source.may_be_empty:
        raise without_images(source, found.remarks)
    return found


def _generator(facts: Facts, source: Source) -> str | None:
    declared = source.generator if facts.generator == UNKNOWN_GENERATOR else None
    generator = declared or facts.generator
    return generator and generator[:LONGEST_NAME]


def sample_of(source: Source, found: Outline, size: int) -> Part:
    """Return the part of a source that holds about `size` images; the paths of the images decide which."""
    images = found.images.total()
    if images <= 2 * found.entries:
        return Part(1, max(1, round(images / size)), (source,))
    parts = max(1, min(found.entries // _FEWEST_ENTRIES, images // size))
    return Part(1, parts, (source,), one_in=max(1, round(images / parts / size)))
