"""Source -> batch -> new dataset version: the verbs of ingestion, each safe to repeat."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime

import pandas as pd

from model.errors import DatasetError, SourceError
from model.fingerprint import fingerprint
from model.lake import SUCCESS, Lake
from model.manifest import SPLITS, assemble_rows, read_manifest, version_id, write_rows
from model.sources.labelled import LabelledImage

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


def assemble(lake: Lake, *, today: date) -> str:
    """Stage the dataset version that follows from all images in the lake, and return its id.

    Nothing reads a staged version but validation. When the very same rows were assembled before, that version is
    returned, whatever its date. Raises DatasetError when the lake holds no image at all.
    """
    facts = lake.facts()
    if facts.empty:
        raise DatasetError(f"the lake {lake.root} holds no images; collect some first")
    latest = lake.latest()
    previous = read_manifest(lake, latest) if latest else None
    assembly = assemble_rows(facts, previous)
    version = version_id(assembly.rows, today=today)
    version = _same_content(lake, version) or version
    if not (lake.version_path(version) / SUCCESS).exists():
        write_rows(lake, version, assembly.rows, name="candidates")
        summary = _summary(assembly.rows) | {"duplicates": assembly.duplicates, "conflicts": assembly.conflicts}
        (lake.version_path(version) / "summary.json").write_text(json.dumps(summary, indent=2, sort_keys=True))
    return version


def publish(lake: Lake, version: str) -> bool:
    """Make a validated version visible; returns False when it was already.

    Raises DatasetError unless its validation.json says that it passed.
    """
    folder = lake.version_path(version)
    if (folder / SUCCESS).exists():
        return False
    verdict = folder / "validation.json"
    if not verdict.exists() or json.loads(verdict.read_text())["success"] is not True:
        raise DatasetError(f"dataset version '{version}' has not passed validation; see {verdict}")
    (folder / SUCCESS).touch()
    return True


def _same_content(lake: Lake, version: str) -> str | None:
    """Return the version, published or staged, with the same content hash as `version`."""
    content = version.rpartition("-")[2]
    return next((path.name for path in sorted((lake.root / "datasets").glob(f"*-{content}"))), None)


def _summary(rows: pd.DataFrame) -> dict[str, object]:
    """Count the rows by split and label, source and generator."""
    return {
        "rows": len(rows),
        "undecodable": int(rows["decode_error"].notna().sum()),
        "splits": {
            split: {str(label): int(n) for label, n in rows[rows["split"] == split]["label"].value_counts().items()}
            for split in SPLITS
        },
        "sources": {str(source): int(n) for source, n in rows["source"].value_counts().items()},
        "generators": {str(name): int(n) for name, n in rows["generator"].value_counts().items()},
    }
