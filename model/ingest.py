"""Source -> batch -> new dataset version: the verbs of ingestion, each safe to repeat."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime

from model.assembly import assemble_rows
from model.errors import DatasetError, SourceError
from model.fingerprint import fingerprint
from model.lake import SUCCESS, Lake
from model.manifest import read_given, version_id, write_former, write_rows
from model.sources.labelled import LabelledImage
from model.summary import summarise
from model.tombstones import read_tombstones
from model.writing import write_text

_REPORT_EVERY = 1_000


@dataclass(frozen=True)
class Collected:
    """What one collection brought: the batch it wrote (None when nothing was new), and how many images of each kind."""

    batch: str | None
    added: int
    known: int
    undecodable: int


def collect(
    lake: Lake,
    images: Iterable[LabelledImage],
    *,
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> Collected:
    """Append the images that the lake does not hold yet as one batch; files that are no images enter with their error.

    An image is known when the same bytes came before with the same label and split. `progress` is called with the
    number of images read, every thousand. Repeating a collection adds nothing. Raises SourceError when there is not
    one image: a source that fell silent is a fault, not a quiet fortnight.
    """
    facts = lake.facts()
    known = set(zip(facts["sha256"], facts["label"], facts["split_hint"].fillna(""), strict=True))
    counts = {"added": 0, "known": 0, "undecodable": 0}

    def rows() -> Iterator[dict[str, object]]:
        for number, image in enumerate(images, start=1):
            if number % _REPORT_EVERY == 0:
                progress(number)
            print_ = fingerprint(image.data)
            key = (print_.sha256, image.label, image.split or "")
            if key in known:
                counts["known"] += 1
                continue
            known.add(key)
            counts["added"] += 1
            counts["undecodable"] += print_.decode_error is not None
            yield asdict(print_) | {
                "image": image.data,
                "label": image.label,
                "source": image.source,
                "generator": image.generator,
                "split_hint": image.split,
                "origin": image.origin,
                "ingested_at": now,
            }

    batch = lake.write_batch(rows())
    if counts["added"] + counts["known"] == 0:
        raise SourceError("the source held no images at all; nothing was ingested")
    return Collected(batch, **counts)


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
