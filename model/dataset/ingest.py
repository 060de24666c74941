"""Plans, collects, assembles and publishes: the steps from sources to a dataset version, each safe to repeat."""

import json
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

import pandas as pd

from model.dataset.already_read import known_before, read_seen, remember, tidy_seen
from model.dataset.assembly import Assembly, assemble_rows
from model.dataset.card.version_card import write_card
from model.dataset.contained.budget import Budget
from model.dataset.contained.reader import ContainedReader, find_new_contained
from model.dataset.finding_new import find_new
from model.dataset.ingest_parts import Part, PartReader
from model.dataset.intake import Intake, Progress, Row, Tally
from model.dataset.kept_out import KeptOut
from model.dataset.lake import SUCCESS, Lake
from model.dataset.listing import Found, ListingWriter, listings, remove_listings
from model.dataset.manifest import read_accepted, read_candidates, read_given, version_id, write_former, write_rows
from model.dataset.remarks import read_notes, write_notes
from model.dataset.summary import summarise
from model.dataset.tombstones import read_kept_out, read_tombstones, scan_images
from model.dataset.validation import FILE, read_validation
from model.errors import DatasetError
from model.files import write_text
from model.sources.declaration import Source
from model.sources.reports import FOLDER
from model.sources.web.reach import PUBLIC, Reach


@dataclass(frozen=True)
class Collected:
    """The batches that a collection wrote (none if nothing was new), and numbers of images.

    `unread` counts the files that took more memory or time than allowed, and the files of a store that changed or went
    after the plan. The log names these files, and the next run tries again.
    """

    batches: tuple[str, ...]
    added: int
    known: int
    undecodable: int
    unread: int

    @classmethod
    def of(cls, written: Iterable[str | None], tally: Tally) -> Self:
        """Return the counts of `tally` with the ids of the batches that were `written`; None stands for no batch."""
        batches = tuple(batch for batch in written if batch is not None)
        return cls(batches, tally.added, tally.read - tally.added, tally.undecodable, tally.unread)


def plan(
    lake: Lake, sources: Iterable[Source], *, parts: int, reach: Reach = PUBLIC, budget: Budget | None = None
) -> list[Part]:
    """Divide the sources that hold anything new into `parts` equal parts, which can be collected in parallel.

    Returns no parts if nothing is new. The sources are only listed: no image is read. The lake keeps the listing of a
    store for the parts. The number of parts does not change the dataset version.

    Accepted reports in the lake are always read beside `sources`. With a `budget` a child process lists the sources.
    Raises SourceError for a source that holds no image at all: an empty source is a fault.
    """
    tidy_seen(lake)
    seen, all_, new, id_ = read_seen(lake), (*sources, *_reports_in(lake)), list[Source](), uuid.uuid4().hex
    with ListingWriter(listings(lake), plan=id_, parts=parts) as listing:
        found: Iterator[Found]
        if budget is None:
            found = (find_new(each, parts=parts, seen=seen, reach=reach, record=listing.add) for each in all_)
        else:
            found = find_new_contained(all_, parts=parts, seen=seen, reach=reach, budget=budget, record=listing.add)
        for source, of_source in zip(all_, found, strict=True):
            listing.end(source, of_source)
            new += [source] if of_source.new else []
    return [Part(number, parts, tuple(new), plan=id_) for number in range(1, parts + 1)] if new else []


def collect_part(
    lake: Lake,
    part: Part,
    *,
    now: datetime,
    progress: Progress = lambda _read, _new: None,
    reach: Reach = PUBLIC,
    budget: Budget | None = None,
) -> Collected:
    """Append the images of a part that the lake does not hold yet, and remember what was read.

    Each source gets a batch of its own, so that a batch that validation refuses can be traced to its source. An image
    is known if the same bytes entered before with the same label and split. A file that is no image enters with its
    error.

    `progress` is called with the numbers of images read and new, every thousand read. `now` must be the same for all
    parts of a run, and each time a part is repeated. If a part breaks off, repeating it yields the same batches. With a
    `budget` a child process reads the sources, and a file over the budget is left out. Raises SourceError for a source
    that holds no image at all.
    """
    before, seen, known = lake.batches(), read_seen(lake), known_before(lake, now)
    reader: PartReader | ContainedReader
    with ExitStack() as stack:
        if budget is None:
            reader = PartReader(part, Intake(known, now=now), seen=seen, reach=reach, listings=listings(lake))
        else:
            contained = ContainedReader(
                part, known=known, seen=seen, now=now, reach=reach, budget=budget, listings=listings(lake)
            )
            reader = stack.enter_context(contained)
        shares = (reader.rows(number, progress) for number in range(len(part.sources)))
        written = [lake.write_batch(without_erased(lake, share, reader.tally)) for share in shares]
    for number, source in enumerate(part.sources):
        write_notes(lake, source, part, reader.notes.get(number, {}))
    collected = Collected.of(written, reader.tally)
    if len(reader.keys):
        remember(lake, reader.keys, batches=[*before, *collected.batches])
    return collected


def without_erased(lake: Lake, rows: Iterable[Row], tally: Tally) -> Iterator[Row]:
    """Yield the rows, except those of images whose tombstone asks for erasure; `tally` then does not count them."""
    stones = read_tombstones(lake)
    kept_out = KeptOut.of(stones[stones["erase"]]).with_neutralised(lambda: scan_images(lake))
    for row in rows:
        if kept_out.holds(row["sha256"], row["pixel_hash"], row["source"], row["origin"]):
            tally.added -= 1
            tally.undecodable -= row["decode_error"] is not None
        else:
            yield row


def assemble(lake: Lake, *, today: date, exclude: Collection[str] = (), demonstration: bool = False) -> str:
    """Stage the dataset version that follows from all images in the lake, and return its id.

    `exclude` lists sources and generators to leave out, as 'source:x' and 'generator:y'. Built-in images are left out
    too once another source has images, unless they were asked for by name (`demonstration`). Only validation reads a
    staged version. If nothing differs from the latest published version, the id of the latest version is returned.
    Raises DatasetError if the lake holds no image at all, or no image that matches a name in `exclude`.
    """
    latest, tombstones = lake.latest(), read_tombstones(lake)
    given = read_given(lake, latest) if latest else None
    assembly = _decide(lake, given, tombstones, exclude=exclude, demonstration=demonstration)
    version = version_id(assembly.rows, today=today)
    remove_listings(lake)
    if latest and latest.rpartition("-")[2] == version.rpartition("-")[2]:
        return latest
    if not (lake.version_path(version) / SUCCESS).exists():
        previous = None if latest is None or given is None else (latest, given[~given["former"]])
        remarks = read_notes(lake)
        summary = summarise(assembly, previous=previous, tombstones=tombstones, exclude=exclude, remarks=remarks)
        write_rows(lake, version, assembly.rows, name="candidates")
        write_former(lake, version, assembly.former)
        write_text(lake.version_path(version) / "summary.json", json.dumps(summary, indent=2, sort_keys=True))
    return version


def _decide(
    lake: Lake, given: pd.DataFrame | None, tombstones: pd.DataFrame, *, exclude: Collection[str], demonstration: bool
) -> Assembly:
    """Decide which images of the lake belong to a version; apart, so that the facts then leave the memory."""
    facts = lake.facts()
    if facts.empty:
        raise DatasetError(f"the lake {lake.root} holds no images; collect some first")
    kept_out = KeptOut.of(tombstones).with_neutralised(lambda: [facts])
    return assemble_rows(
        facts,
        given,
        withdrawn=kept_out.everywhere,
        withdrawn_reports=kept_out.reported,
        exclude=exclude,
        demonstration=demonstration,
    )


def publish(lake: Lake, version: str) -> bool:
    """Make a validated version the latest, and write its data card; returns False if it already is.

    Raises DatasetError if the version has not passed validation, or holds an image that was withdrawn after the version
    was assembled.
    """
    folder = lake.version_path(version)
    if lake.latest() == version:
        return False
    validation = read_validation(lake, version)
    if validation is None or not validation.success:
        raise DatasetError(f"dataset version '{version}' has not passed validation; see {folder / FILE}")
    asked = ("sha256", "pixel_hash", "source")
    # Both tables, because an erasure rewrites one before the other.
    images = pd.concat([read(lake, version, columns=asked) for read in (read_candidates, read_accepted)])
    if read_kept_out(lake).mark(images).any():
        raise DatasetError(f"dataset version '{version}' holds images that were withdrawn meanwhile; assemble it again")
    write_card(lake, version)
    # Also rewritten for a version that was published earlier the same day: `Lake.latest` compares the markers' times.
    write_text(folder / SUCCESS, "")
    return True


def _reports_in(lake: Lake) -> tuple[Source, ...]:
    folder = lake.root / FOLDER
    return (Source(location=f"feedback:{folder}"),) if folder.exists() else ()
