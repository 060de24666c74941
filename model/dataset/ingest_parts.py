"""One task's share of the images to ingest, and the reader that skips what was read before."""

from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Protocol, Self

import structlog
from pydantic.dataclasses import dataclass
from upath import UPath

from model.dataset.digest_set import Digests, digest
from model.dataset.finding_new import container_key, entry_key
from model.dataset.intake import Intake, Progress, Row, Tally
from model.dataset.listing import open_slice, part_of
from model.errors import ChangedSince, SourceError
from model.processes import beat
from model.sources.declaration import Source, as_declared, without_images
from model.sources.entries import Container, Entry, Item, tell
from model.sources.kinds import open_source
from model.sources.labelled_image import LabelledImage
from model.sources.listed_files import open_listed
from model.sources.remarks import Remark
from model.sources.web.reach import PUBLIC, Reach
from model.sources.web.secrets import STRUCK_OUT, without_secrets

_log = structlog.get_logger(__name__)

Place = tuple[int, ...]
"""Position of an item in a source: the numbers of the containers around it, outermost first, then its own number."""


class Watch(Protocol):
    """Is called before each item is opened, and after the item was read to its end."""

    def begin(self, place: Place, path: str) -> None:
        """Note the item that is opened now."""

    def end(self, key: bytes | None) -> None:
        """Note that the item opened last is read; `key` identifies it and its content, or is None."""

    def note(self, inside: str, remark: Remark | None) -> None:
        """Note what the listing of the container `inside` says, empty for the source; None at its beginning."""

    def skip(self, inside: str) -> None:
        """Note that the container `inside` has not changed, and is not opened."""

    def give_up(self, path: str, reason: str) -> None:
        """Note that the item opened last, at `path`, cannot be read any more; the next run tries again."""


@dataclass(frozen=True)
class Part:
    """Part `number` (from 1) of the `of` equal parts of all images of the `sources`; convertible to JSON and back.

    A sample takes only one in `one_in` images of each entry, such as of a group of a shard's rows. `plan` is the id of
    the plan whose listings the part reads; empty if the part lists its sources itself.
    """

    number: int
    of: int
    sources: tuple[Source, ...]
    one_in: int = 1
    plan: str = ""

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"

    @property
    def lacks_secrets(self) -> bool:
        """Whether secrets were struck out of any source's location."""
        return any(STRUCK_OUT in source.location for source in self.sources)

    def without_secrets(self) -> Self:
        """Return the part as it may be shown: passwords and signatures in its locations are struck out."""
        return replace(self, sources=tuple(replace(each, location=_shown(each)) for each in self.sources))

    def with_secrets(self, sources: Iterable[Source]) -> Self:
        """Return the part with the full locations of `sources`; raises SourceError if a location is not among them."""
        whole = {_shown(source): source.location for source in sources}
        for source in self.sources:
            if STRUCK_OUT in source.location and source.location not in whole:
                raise SourceError(f"The source '{source.location}' was planned, but is no longer a source. Plan again.")
        return replace(
            self,
            sources=tuple(replace(each, location=whole.get(each.location, each.location)) for each in self.sources),
        )

    def holds(self, entry: Entry) -> bool:
        """Whether an entry belongs to this part: only the hash of the entry's path decides."""
        return part_of(entry.path, self.of) == self.number

    def images_of(self, entry: Entry) -> Iterator[LabelledImage]:
        """Yield the images of an entry that belong to the part; their numbers in the entry decide."""
        for number, image in enumerate(entry.images()):
            if self.one_in == 1 or int.from_bytes(digest(entry.path, number)) % self.one_in == 0:
                yield image


def read_part(
    source: Source,
    part: Part,
    *,
    seen: Digests,
    watch: Watch,
    reach: Reach = PUBLIC,
    after: Place = (),
    without: Collection[Place] = (),
    listings: UPath | None = None,
) -> Iterator[LabelledImage]:
    """Yield the images of a source that belong to the part and are not in `seen`; tell `watch` of each item read.

    To go on after an interruption, name the last place that was read (`after`) and the places to skip (`without`). If
    the folder `listings` holds the source's listing by the part's plan, the source is not listed again. Raises
    SourceError as `find_new` does, and for an image that cannot be read. Raises DatasetError as `open_slice` does.
    """
    remarks: list[Remark] = []

    def read_new(
        items: Iterable[Item], above: Place, after: Place, revision: str | None = None, inside: str = ""
    ) -> Generator[LabelledImage, None, bool]:
        """Yield the images of items below a container of this `revision`; return whether there is any, in any part."""
        found = False
        watch.note(inside, None)
        for number, item in enumerate(items):
            beat()
            place, within = (*above, number), after[1:] if (number,) == after[:1] else ()
            if (number,) < after[:1] or (number,) == after or place in without:
                found = True
                continue
            if isinstance(item, Container):
                key, name = container_key(source, item, part.number, part.of), f"{inside}/{item.path}"
                if key is not None and key in seen:
                    found = True
                    watch.skip(name)
                else:
                    watch.begin(place, item.path)
                    found |= yield from read_new(item.entries(), place, within, item.revision() or revision, name)
                    watch.end(key)
            elif item.remark is not None:
                remarks.append(item.remark)
                if part.number == 1 or item.remark.of_rows:
                    watch.note(inside, item.remark)
            else:
                found = True
                if part.holds(item) and ((key := entry_key(source, item)) is None or key not in seen):
                    watch.begin(place, item.path)
                    is_read = yield from _read_entry(item, source, part, watch, item.revision() or revision)
                    watch.end(key if is_read else None)
        return found

    with _open_items(source, part, listings, reach) as (items, is_listed):
        found = yield from read_new(items, (), after)
    if not (found or is_listed or source.may_be_empty):
        raise without_images(source, remarks)


@contextmanager
def _open_items(
    source: Source, part: Part, listings: UPath | None, reach: Reach
) -> Iterator[tuple[Iterator[Item], bool]]:
    """Yield the items of a source, and whether they come from a listing, which holds only items of the part."""
    found = listings and open_slice(listings, source, plan=part.plan, number=part.number, parts=part.of)
    if found:
        with open_listed(source.location, found.files(), reach) as entries:
            yield chain(entries, tell(found.remarks)), True
    else:
        with open_source(source.location, reach) as items:
            yield items, False


def _read_entry(
    entry: Entry, source: Source, part: Part, watch: Watch, revision: str | None
) -> Generator[LabelledImage, None, bool]:
    """Yield the images of an entry that belong to the part; return False if the file has changed since then."""
    try:
        yield from (as_declared(_of(image, revision), source) for image in part.images_of(entry))
    except ChangedSince as error:
        watch.give_up(entry.path, str(error))
        return False
    return True


class PartReader:
    """Reads the sources of a part, in this process, into rows of batches.

    `keys` identify items read to their end. `notes` are the remarks of each source, by its number.
    """

    def __init__(
        self,
        part: Part,
        intake: Intake,
        *,
        seen: Digests,
        reach: Reach,
        watch: Watch | None = None,
        listings: UPath | None = None,
    ) -> None:
        self.keys = Digests()
        self.notes: dict[int, dict[str, list[Remark] | None]] = {}
        self.tally: Tally = intake.tally
        self._number = 0
        self._part, self._intake, self._seen, self._reach = part, intake, seen, reach
        self._listings = listings
        self._watch = watch or self

    def rows(
        self, number: int, progress: Progress, *, after: Place = (), without: Collection[Place] = ()
    ) -> Iterator[Row]:
        """Yield the rows of the part's source `number` (from 0) behind the place `after`, except at `without`."""
        source, seen, reach, watch = self._part.sources[number], self._seen, self._reach, self._watch
        self._number = number
        images = read_part(
            source,
            self._part,
            seen=seen,
            watch=watch,
            reach=reach,
            after=after,
            without=without,
            listings=self._listings,
        )
        return self._intake.rows(images, progress)

    def begin(self, place: Place, path: str) -> None:
        """Do nothing: an error names the file."""

    def end(self, key: bytes | None) -> None:
        """Keep the key of the item that was read."""
        if key is not None:
            self.keys.add(key)

    def note(self, inside: str, remark: Remark | None) -> None:
        """Keep what a listing says; its beginning forgets what was said before."""
        keep_note(self.notes, self._number, inside, remark)

    def skip(self, inside: str) -> None:
        """Let the earlier notes on a container stand."""
        self.notes.setdefault(self._number, {})[inside] = None

    def give_up(self, path: str, reason: str) -> None:
        """Count the file, and name it in the log."""
        self.tally.unread += 1
        tell_unread(self._part.sources[self._number], path, reason)


def tell_unread(source: Source, path: str, reason: str) -> None:
    """Name in the log a file that is not read, and why."""
    _log.warning("file_not_read", source=_shown(source), path=path, reason=reason)


def keep_note(
    notes: dict[int, dict[str, list[Remark] | None]], number: int, inside: str, remark: Remark | None
) -> None:
    """Add a remark on the container `inside` of the source `number` to `notes`; None begins an empty list."""
    of_source = notes.setdefault(number, {})
    of_source[inside] = [] if remark is None else [*(of_source.get(inside) or ()), remark]


def _of(image: LabelledImage, revision: str | None) -> LabelledImage:
    """Return an image with the `revision` of its file, unless the source names one itself."""
    return image if revision is None or image.revision else replace(image, revision=revision)


def _shown(source: Source) -> str:
    return without_secrets(source.location)
