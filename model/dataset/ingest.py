"""Source -> batch -> new dataset version: the verbs of ingestion, each safe to repeat."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from model.dataset.already_read import read_seen, remember, tidy_seen
from model.dataset.assembly import assemble_rows
from model.dataset.digest_set import Digests
from model.dataset.ingest_parts import Part, holds_anything_new, read_part
from model.dataset.intake import Intake, Progress
from model.dataset.lake import SUCCESS, Lake
from model.dataset.manifest import read_accepted, read_candidates, read_given, version_id, write_former, write_rows
from model.dataset.summary import summarise
from model.dataset.tombstones import KeptOut, read_tombstones
from model.dataset.validation import FILE, read_validation
from model.errors import DatasetError
from model.files import write_text
from model.sources.declaration import Source
from model.sources.reports import FOLDER


@dataclass(frozen=True)
class Collected:
    """What a collection brought: the batches it wrote, none when nothing was new, and how many images of each kind."""

    batches: tuple[str, ...]
    added: int
    known: int
    undecodable: int


def plan(lake: Lake, sources: Iterable[Source], *, parts: int) -> list[Part]:
    """Divide the sources that hold anything new into equal parts, which can be collected at the same time.

    No part is left when nothing is new; no image is read to find out. The dataset version that follows does not depend
    on how many there are. The reports in the lake that were accepted are always read beside `sources`. Raises
    SourceError for a source that holds no image at all: one that fell silent is a fault, not a quiet fortnight.
    """
    tidy_seen(lake)
    seen = read_seen(lake)
    new = tuple(
        source for source in (*sources, *_reports_in(lake)) if holds_anything_new(source, parts=parts, seen=seen)
    )
    return [Part(number, parts, new) for number in range(1, parts + 1)] if new else []


def collect_part(lake: Lake, part: Part, *, now: datetime, progress: Progress = lambda _read, _new: None) -> Collected:
    """Append those images of a part that the lake does not hold yet, and remember what was read.

    Each source gets a batch of its own, so that one that validation refuses can be told from the others. An image is
    known when the same bytes came before with the same label and split; a file that is no image enters with its error.
    `progress` is called with the numbers of images read and new, every thousand read. `now` is the same for all parts
    of a run, and each time that a part is repeated. A part that breaks off adds nothing, or what its repetition finds
    there. Raises SourceError for a source that holds no image at all.
    """
    before, seen, read = lake.batches(), read_seen(lake), Digests()
    intake = Intake(lake, now=now)
    shares = (read_part(source, part, seen=seen, read=read) for source in part.sources)
    written = [lake.write_batch(intake.rows(share, progress)) for share in shares]
    batches = tuple(batch for batch in written if batch is not None)
    if len(read):
        remember(lake, read, batches=[*before, *batches])
    return Collected(batches, intake.added, intake.read - intake.added, intake.undecodable)


def assemble(lake: Lake, *, today: date, exclude: Collection[str] = (), demonstration: bool = False) -> str:
    """Stage the dataset version that follows from all images in the lake, and return its id.

    `exclude` names sources and generators, as 'source:x' and 'generator:y', that this version does without. It does
    without the built-in images as well once there are others, unless they were asked for by name (`demonstration`).
    Nothing reads a staged version but validation. When nothing differs from the latest published version, that one is
    returned. Raises DatasetError when the lake holds no image at all, or none of what `exclude` names.
    """
    facts = lake.facts()
    if facts.empty:
        raise DatasetError(f"the lake {lake.root} holds no images; collect some first")
    latest, tombstones = lake.latest(), read_tombstones(lake)
    given = read_given(lake, latest) if latest else None
    kept_out = KeptOut.of(tombstones)
    assembly = assemble_rows(
        facts,
        given,
        withdrawn=kept_out.everywhere,
        withdrawn_reports=kept_out.reported,
        exclude=exclude,
        demonstration=demonstration,
    )
    version = version_id(assembly.rows, today=today)
    if latest and latest.rpartition("-")[2] == version.rpartition("-")[2]:
        return latest
    if not (lake.version_path(version) / SUCCESS).exists():
        previous = None if latest is None or given is None else (latest, given[~given["former"]])
        summary = summarise(assembly, previous=previous, tombstones=tombstones, exclude=exclude)
        write_rows(lake, version, assembly.rows, name="candidates")
        write_former(lake, version, assembly.former)
        write_text(lake.version_path(version) / "summary.json", json.dumps(summary, indent=2, sort_keys=True))
    return version


def publish(lake: Lake, version: str) -> bool:
    """Make a validated version the latest; returns False when it was already.

    Raises DatasetError unless its validation.json says that it passed, and when it holds an image that was withdrawn
    since it was assembled.
    """
    folder = lake.version_path(version)
    if lake.latest() == version:
        return False
    validation = read_validation(lake, version)
    if validation is None or not validation.success:
        raise DatasetError(f"dataset version '{version}' has not passed validation; see {folder / FILE}")
    asked = ("sha256", "pixel_hash", "source")
    # Both, for the erasure of an image takes it out of the one before the other.
    images = pd.concat([read(lake, version, columns=asked) for read in (read_candidates, read_accepted)])
    if KeptOut.of(read_tombstones(lake)).mark(images).any():
        raise DatasetError(f"dataset version '{version}' holds images that were withdrawn meanwhile; assemble it again")
    # Written anew for a version that was published before and comes back on the same day: the marker's time counts.
    write_text(folder / SUCCESS, "")
    return True


def _reports_in(lake: Lake) -> tuple[Source, ...]:
    folder = lake.root / FOLDER
    return (Source(location=f"feedback:{folder}"),) if folder.exists() else ()
