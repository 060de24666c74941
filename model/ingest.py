"""Source -> batch -> new dataset version: the verbs of ingestion, each safe to repeat."""

import json
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from model.assembly import assemble_rows
from model.digests import Digests
from model.errors import DatasetError, SourceError
from model.intake import Intake, Progress
from model.lake import SUCCESS, Lake
from model.manifest import read_given, version_id, write_former, write_rows
from model.parts import Part, Share, Survey
from model.seen import read_seen, remember, tidy_seen
from model.sources.declared import Source, open_declared
from model.sources.labelled import LabelledImage
from model.summary import summarise
from model.tombstones import read_tombstones
from model.writing import write_text


@dataclass(frozen=True)
class Collected:
    """What one collection brought: the batch it wrote (None when nothing was new), and how many images of each kind."""

    batch: str | None
    added: int
    known: int
    undecodable: int


def plan(lake: Lake, sources: Iterable[Source], *, parts: int) -> list[Part]:
    """Divide the sources that hold anything new into equal parts, which can be collected at the same time.

    No part is left when nothing is new; no image is read to find out. The images that the parts bring, and the dataset
    version that follows, do not depend on how many there are. Raises SourceError for a source that holds no image at
    all: one that fell silent is a fault, not a quiet fortnight.
    """
    tidy_seen(lake)
    seen = read_seen(lake)
    new = tuple(source for source in sources if _holds_anything_new(source, parts, seen))
    return [Part(number, parts, new) for number in range(1, parts + 1)] if new else []


def collect_part(lake: Lake, part: Part, *, now: datetime, progress: Progress = lambda _read, _new: None) -> Collected:
    """Append the new images of a part as one batch, as `collect` does, and remember what was read.

    `now` is the same for all parts of a run, and each time that a part is repeated. A part that breaks off adds
    nothing, or what its repetition finds there. Raises SourceError for a source that holds no image at all.
    """
    batches, seen, read = lake.batches(), read_seen(lake), Digests()
    intake = Intake(lake, now=now)
    batch = lake.write_batch(intake.rows(_read_part(part, seen, read), progress))
    if len(read):
        remember(lake, read, batches=[*batches, *filter(None, [batch])])
    return _collected(batch, intake)


def collect(
    lake: Lake, images: Iterable[LabelledImage], *, now: datetime, progress: Progress = lambda _read, _new: None
) -> Collected:
    """Append the images that the lake does not hold yet as one batch; files that are no images enter with their error.

    An image is known when the same bytes came before with the same label and split. `progress` is called with the
    numbers of images read and new, every thousand read. Repeating a collection adds nothing. Raises SourceError when
    there is not one image.
    """
    intake = Intake(lake, now=now)
    batch = lake.write_batch(intake.rows(images, progress))
    if not intake.read:
        raise SourceError("the source held no images at all; nothing was ingested")
    return _collected(batch, intake)


def assemble(lake: Lake, *, today: date, exclude: Collection[str] = ()) -> str:
    """Stage the dataset version that follows from all images in the lake, and return its id.

    `exclude` names sources and generators, as 'source:x' and 'generator:y', that this version does without. Nothing
    reads a staged version but validation. When nothing differs from the latest published version, that one is
    returned. Raises DatasetError when the lake holds no image at all, or none of what `exclude` names.
    """
    facts = lake.facts()
    if facts.empty:
        raise DatasetError(f"the lake {lake.root} holds no images; collect some first")
    latest, tombstones = lake.latest(), read_tombstones(lake)
    given = read_given(lake, latest) if latest else None
    withdrawn = {*tombstones["sha256"], *tombstones["pixel_hash"].dropna()}
    assembly = assemble_rows(facts, given, withdrawn=withdrawn, exclude=exclude)
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

    Raises DatasetError unless its validation.json says that it passed.
    """
    folder = lake.version_path(version)
    if lake.latest() == version:
        return False
    verdict = folder / "validation.json"
    if not verdict.exists() or json.loads(verdict.read_text())["success"] is not True:
        raise DatasetError(f"dataset version '{version}' has not passed validation; see {verdict}")
    # Written anew for a version that was published before and comes back on the same day: the marker's time counts.
    write_text(folder / SUCCESS, "")
    return True


def _holds_anything_new(source: Source, parts: int, seen: Digests) -> bool:
    survey = Survey(source, parts=parts, seen=seen)
    deque(open_declared(source, choice=survey), maxlen=0)  # it takes no image
    _require_images(source, survey)
    return survey.new


def _read_part(part: Part, seen: Digests, read: Digests) -> Iterator[LabelledImage]:
    for source in part.sources:
        share = Share(part, source, seen=seen, read=read)
        yield from open_declared(source, choice=share)
        _require_images(source, share)


def _require_images(source: Source, looked: Share | Survey) -> None:
    if not looked.found:
        raise SourceError(f"the source '{source.location}' held no images at all; nothing was ingested")


def _collected(batch: str | None, intake: Intake) -> Collected:
    return Collected(batch, intake.added, intake.read - intake.added, intake.undecodable)
