"""Reviews the reports of users in the lake; accepted images are ingested next, mistaken ones withdrawn."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

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

_OVERRULED = "a reviewer found that the reports that brought it were wrong"


def settle(lake: Lake, *, influence: VotingLimits, lock: Path, now: datetime) -> Review:
    """Review all reports in the lake, write down what needs no person, and return that with what does.

    Deletes the reports of the past that no rule needs any more (`find_expired_reports`). All who change reports hold
    `lock` in turn. Raises SourceError for a damaged report, StorageFull when there is no room, and LockHeld when
    others change reports for too long.
    """
    statements = read_statements(lake.root)
    waiting = [each for each in statements if each.review is None]
    known = _known_labels(lake, {each.image_sha256 for each in waiting})
    found = review(statements, known=known, influence=influence, now=now)
    _write(lake, waiting, found.rulings, lock=lock, now=now)
    _delete(lake, find_expired_reports(statements, since=now - timedelta(days=influence.days)), lock=lock)
    return found


def keep(lake: Lake, answers: Mapping[str, str | None], *, lock: Path, by: str, now: datetime) -> int:
    """Write down what the person `by` found: the label of each image, None for one of no use; return how many reports.

    Overrules what was agreed on. An image that entered by mistake is withdrawn for good. Raises what `settle` raises.
    """
    rulings = [ruling for image, label in answers.items() for ruling in answer(image, label, by=by)]
    asked = [each for each in read_statements(lake.root) if each.image_sha256 in answers]
    mistaken = {
        each.image_sha256 for each in asked if each.review == ACCEPTED and each.label != answers[each.image_sha256]
    }
    if mistaken:  # first of all: it may have been ingested, and nothing in a lake is ever deleted
        withdraw(lake, mistaken, lock=lock, reason=_OVERRULED, now=now)
    return _write(lake, asked, rulings, lock=lock, now=now)


def _known_labels(lake: Lake, images: Collection[str]) -> dict[str, str]:
    """Return the labels of those `images` that the latest dataset version holds from elsewhere than from reports."""
    latest = lake.latest()
    if latest is None or not images:
        return {}
    rows = read_manifest(lake, latest, columns=("sha256", "label", "source"))
    held = rows[rows["sha256"].isin(images) & (rows["source"] != REPORTS)]
    return dict(zip(held["sha256"], held["label"], strict=True))


def _write(
    lake: Lake, statements: Iterable[UserReport], rulings: Iterable[Ruling], *, lock: Path, now: datetime
) -> int:
    """Write the rulings into the reports that say what they rule on; return how many that were."""
    by_what = {(ruling.image_sha256, ruling.label): ruling for ruling in rulings}
    written = 0
    for each in statements:
        ruling = by_what.get((each.image_sha256, each.label))
        if ruling is not None:
            with locked(lock):
                written += _write_one(lake, each, ruling, now=now)
    return written


def _write_one(lake: Lake, said: UserReport, ruling: Ruling, *, now: datetime) -> bool:
    """Write a ruling into one report, unless that was withdrawn, replaced or reviewed since it was read."""
    report = read_report(lake.root, said.id)
    if report is None or (report["label"], report[REVIEW]) != (said.label, said.review):
        return False
    found = REJECTED
    if ruling.holds:
        found = ACCEPTED if report["image"]["bytes"] is not None and ruling.by != KNOWN else CONFIRMED
    if found != ACCEPTED:  # nobody will look at it again, nor train on it
        report |= {"image": {"bytes": None, "path": report["image"]["path"]}, "comment": ""}
    write_report(lake.root, said.id, report | {REVIEW: found, "reviewed_by": ruling.by, "reviewed_at": now})
    return True


def _delete(lake: Lake, statements: Iterable[UserReport], *, lock: Path) -> None:
    for each in statements:
        with locked(lock):
            remove(path_of(lake.root, each.id))
