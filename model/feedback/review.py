"""Reviews user reports in the lake: accepted images are ingested next, images accepted by mistake are withdrawn."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from model.dataset.kept_out import REPORTED
from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.dataset.tombstones import withdraw
from model.feedback.agreement import Review, Ruling, answer, review
from model.feedback.reporters import VotingLimits, find_expired_reports
from model.feedback.reports import KNOWN, UserReport, path_of, read_report, read_statements, write_report
from model.files import remove
from model.processes import locked
from model.sources.reports import ACCEPTED, CONFIRMED, REJECTED
from model.sources.reports import SOURCE as REPORTS
from model.sources.shard_columns import REVIEW

_OVERRULED = "a reviewer overruled the reports that brought the image"


def settle(lake: Lake, *, influence: VotingLimits, lock: Path, now: datetime) -> Review:
    """Review all reports in the lake, write the rulings that need no person, and return rulings and questions.

    Deletes the reports that have expired (`find_expired_reports`). Every process that changes reports takes turns with
    `lock`. Raises SourceError for a damaged report, StorageFull if there is no room, and LockHeld if others change
    reports for too long.
    """
    statements = read_statements(lake.root)
    waiting = [each for each in statements if each.review is None]
    known = _known_labels(lake, {each.image_sha256 for each in waiting})
    found = review(statements, known=known, influence=influence, now=now)
    _write(lake, waiting, found.rulings, lock=lock, now=now)
    _delete(lake, find_expired_reports(statements, since=now - timedelta(days=influence.days)), lock=lock)
    return found


def keep(lake: Lake, answers: Mapping[str, str | None], *, lock: Path, by: str, now: datetime) -> int:
    """Write what the person `by` found into the reports, and return how many reports changed.

    `answers` holds the label of each image, by its hash; None: of no use. An answer overrules an agreement. An image
    that was accepted by mistake is withdrawn for good, as a copy that came by reports. Raises what `settle` raises.
    """
    rulings = [ruling for image, label in answers.items() for ruling in answer(image, label, by=by)]
    asked = [each for each in read_statements(lake.root) if each.image_sha256 in answers]
    mistaken = {
        each.image_sha256 for each in asked if each.review == ACCEPTED and each.label != answers[each.image_sha256]
    }
    if mistaken:  # first of all: the images may be ingested already, and only a tombstone keeps them out
        withdraw(lake, mistaken, lock=lock, reason=_OVERRULED, now=now, scope=REPORTED)
    return _write(lake, asked, rulings, lock=lock, now=now)


def _known_labels(lake: Lake, images: Collection[str]) -> dict[str, str]:
    """Return the labels of those `images` that the latest dataset version holds from other sources than reports."""
    latest = lake.latest()
    if latest is None or not images:
        return {}
    rows = read_manifest(lake, latest, columns=("sha256", "label", "source"))
    held = rows[rows["sha256"].isin(images) & (rows["source"] != REPORTS)]
    return dict(zip(held["sha256"], held["label"], strict=True))


def _write(
    lake: Lake, statements: Iterable[UserReport], rulings: Iterable[Ruling], *, lock: Path, now: datetime
) -> int:
    """Write each ruling into the reports on its image and label; return how many reports changed."""
    by_what = {(ruling.image_sha256, ruling.label): ruling for ruling in rulings}
    written = 0
    for each in statements:
        ruling = by_what.get((each.image_sha256, each.label))
        if ruling is not None:
            with locked(lock):
                written += _write_one(lake, each, ruling, now=now)
    return written


def _write_one(lake: Lake, said: UserReport, ruling: Ruling, *, now: datetime) -> bool:
    """Write a ruling into a report; False if the report was withdrawn, replaced or reviewed since it was read."""
    report = read_report(lake.root, said.id)
    if report is None or (report["label"], report[REVIEW]) != (said.label, said.review):
        return False
    found = REJECTED
    if ruling.holds:
        found = ACCEPTED if report["image"]["bytes"] is not None and ruling.by != KNOWN else CONFIRMED
    if found != ACCEPTED:  # no review and no training needs the picture any more
        report |= {"image": {"bytes": None, "path": report["image"]["path"]}, "comment": ""}
    write_report(lake.root, said.id, report | {REVIEW: found, "reviewed_by": ruling.by, "reviewed_at": now})
    return True


def _delete(lake: Lake, statements: Iterable[UserReport], *, lock: Path) -> None:
    for each in statements:
        with locked(lock):
            remove(path_of(lake.root, each.id))
