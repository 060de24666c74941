"""Erases images from the lake, pages, reports, caches and MLflow, and records what was rewritten."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from upath import UPath

from model.dataset.erasure import Erased, erase_from_lake, remove_abandoned
from model.dataset.features import erase_features
from model.dataset.kept_out import EVERYWHERE
from model.dataset.lake import Lake
from model.dataset.tombstones import note_erased, read_tombstones
from model.errors import LockHeld, RegistryUnavailable, StorageFull, in_one_line
from model.feedback.reports import path_of, read_statements
from model.files import remove, write_text
from model.pages.dataset_page import write_page
from model.pages.gallery import Gallery
from model.pages.review_page import remove_page
from model.processes import locked
from model.registry import Registry, Run
from model.registry.run_files import GALLERY
from model.retraining.run_records import RunRecords
from model.sources.reports import FOLDER

RECORDS: Final = "erasures"
"""Folder of the lake with a JSON file for each erasure, beside tombstones.parquet."""

_TURN_SECONDS: Final = 3_600.0
"""How long an erasure waits for another erasure."""

_UNFINISHED: Final = "images are being collected, or their collection was killed: {}; the next erasure looks again"
_GOLDEN: Final = (
    "detectors trained on {} may hold validation images, at the network's size, in golden.npz, here and in MLflow:"
    " to erase these too, train again and delete the detectors"
)
_NOT_UNDERSTOOD: Final = (
    "run {} of MLflow cannot be understood, and may show the images: {}; check who wrote to the run, log a gallery"
    " without mistakes in its place or delete the run for good; the next erasure looks again"
)


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What an erasure rewrote or deleted, and what is `left`.

    `images` are the SHA-256 sums of files, twins included. `rows` counts the rows of the lake whose bytes were erased
    this time. `shards`, `tables`, `pages` and `reports` are paths inside the lake, `caches` names of files, `runs` ids
    of MLflow. A run that cannot be understood is `left`, and the images wait for the next erasure.
    """

    images: tuple[str, ...] = ()
    rows: int = 0
    shards: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the erasure as one line for a log."""
        counts = {name: len(value) for name, value in asdict(self).items() if name not in ("rows", "left")}
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return f"erased {self.rows} rows of the lake; {told or 'nothing'}" + "".join(f"; left: {e}" for e in self.left)

    def to_json(self) -> dict[str, Any]:
        """Return the erasure ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """Erases the images that the tombstones of `lake` name.

    `home` holds the caches of training. `lock` is the file that every process holds to withdraw images or to change
    reports. `registry` is called only if images have to be looked for in MLflow.
    """

    lake: Lake
    home: Path
    lock: Path
    registry: Callable[[], Registry]

    def erase(self, *, now: datetime) -> Erasure | None:
        """Erase the images, and record what was erased; None if nothing has to be erased.

        One erasure runs at a time, and the next call finishes an interrupted one. Raises StorageFull if there is no
        room. Raises LockHeld if others change reports or erase for too long, and RegistryUnavailable if MLflow does not
        answer.
        """
        with locked(self.lock.with_name("erasure.lock"), seconds=_TURN_SECONDS):
            return self._erase(now)

    def _erase(self, now: datetime) -> Erasure | None:
        stones = read_tombstones(self.lake)
        asked = stones[stones["erase"]]
        waiting = asked[asked["erased_at"].isna()]
        in_lake = erase_from_lake(self.lake, lock=self.lock)
        if in_lake is None:
            return None
        images = in_lake.images | {*waiting["sha256"]}
        withdrawn = in_lake.withdrawn | {*asked.loc[asked["scope"] == EVERYWHERE, "sha256"]}
        reports = [said.id for said in read_statements(self.lake.root) if said.image_sha256 in withdrawn]
        if waiting.empty and not in_lake.rows and not reports:
            return None
        not_understood: list[str] = []
        done = Erasure(
            images=tuple(sorted(images)),
            rows=in_lake.rows,
            shards=in_lake.shards,
            tables=in_lake.tables,
            pages=tuple(self._redraw(in_lake)),
            reports=tuple(self._remove_reports(reports, withdrawn)),
            caches=(*self._remove_caches(in_lake.versions), *erase_features(self.lake, images)),
            runs=tuple(self._leave_runs(in_lake.withdrawn, not_understood)),
            abandoned=tuple(self._remove_abandoned(now)),
            left=(*_left(in_lake), *not_understood),
        )
        write_text(self.lake.root / RECORDS / f"{now:%Y%m%dT%H%M%S%fZ}.json", json.dumps(done.to_json(), indent=1))
        if not in_lake.unfinished and not not_understood:
            with locked(self.lock):
                note_erased(self.lake, {*waiting["sha256"]}, now=now)
        return done

    def _redraw(self, in_lake: Erased) -> Iterator[str]:
        """Draw the pages of versions again that name any of the images; yield the paths of the pages."""
        for version in in_lake.versions:
            page = self.lake.version_path(version) / "docs" / "version.html"
            if page.exists() and _names_any(page, in_lake.images):
                write_page(self.lake, version)
                yield f"datasets/{version}/docs/version.html"

    def _remove_reports(self, reports: Collection[str], images: Collection[str]) -> Iterator[str]:
        """Delete `reports` on images that an operator has withdrawn, and the review page if it names such an image."""
        for report in reports:
            with locked(self.lock):
                remove(path_of(self.lake.root, report))
            yield f"{FOLDER}/{report}.parquet"
        review = self.lake.root / FOLDER / "review.html"
        if review.exists() and _names_any(review, images):
            remove_page(self.lake.root)
            yield f"{FOLDER}/review.html"

    def _remove_caches(self, versions: Collection[str]) -> Iterator[str]:
        """Delete training's decoded pixels of versions that held any of the images; yield the names of the files."""
        for version in versions:
            for path in sorted((self.home / "cache").glob(f"{version}-*.npy")):
                remove(UPath(path))
                yield path.name

    def _leave_runs(self, images: Collection[str], not_understood: list[str]) -> Iterator[str]:
        """Remove the images from the galleries of all runs and from the reports that show them; yield the runs' ids.

        Adds a sentence to `not_understood` for each run whose files cannot be understood. Such a run stops no other
        erasure.
        """
        if not images:
            return
        registry = self.registry()
        for run in registry.runs():
            try:
                if _leave_run(registry, run, images):
                    yield run.id
            except (RegistryUnavailable, StorageFull, LockHeld, OSError):
                raise
            except Exception as error:  # whatever a stranger's files provoke, in the template that draws them too
                not_understood.append(_NOT_UNDERSTOOD.format(run.id, in_one_line(f"{error!s:.500}")))

    def _remove_abandoned(self, now: datetime) -> Iterator[str]:
        with locked(self.lock):  # while it is held, nobody else writes a report
            found = remove_abandoned(self.lake.root / FOLDER, now=now, kind=".parquet", age=timedelta(0))
        found += remove_abandoned(self.lake.root, now=now)
        found += remove_abandoned(UPath(self.home / "cache"), now=now)
        yield from (path.name for path in found)


def _leave_run(registry: Registry, run: Run, images: Collection[str]) -> bool:
    """Remove the images from the gallery and the report of a run; return whether the gallery showed any of them."""
    gallery = registry.read_file(run.id, GALLERY, most_bytes=Gallery.most_bytes) or b""
    if not any(sha256.encode() in gallery for sha256 in images):
        return False
    RunRecords.load(registry, run.id).erase(run, images)
    return True


def _names_any(page: UPath, images: Collection[str]) -> bool:
    text = page.read_text()
    return any(sha256 in text for sha256 in images)


def _left(in_lake: Erased) -> Iterator[str]:
    for batch in in_lake.unfinished:
        yield _UNFINISHED.format(batch)
    if in_lake.validating:
        yield _GOLDEN.format(", ".join(in_lake.validating))
