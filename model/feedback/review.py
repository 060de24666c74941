"""Feedback: from the reports of users to labelled images that the next ingestion reads, and back out again."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from upath import UPath

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.dataset.tombstones import withdraw
from model.feedback.agreement import Review, Ruling, answer, review
from model.feedback.reporters import VotingLimits, find_expired_reports
from model.feedback.reports import KNOWN, UserReport, path_of, read_report, read_statements, write_report
from model.files import remove
from model.lock import locked
from model.settings import Settings
from model.sources.reports import ACCEPTED, CONFIRMED, REJECTED, REVIEW
from model.sources.reports import SOURCE as REPORTS

_OVERRULED = "a reviewer found that the reports that brought it were wrong"


def settle(settings: Settings, *, now: datetime) -> Review:
    """Review all reports in the lake, write down what needs no person, and return that with what does.

    Deletes the reports of the past that no rule needs any more (`find_expired_reports`). Raises SourceError for a
    damaged report, StorageFull when there is no room, and LockHeld when others change reports for too long.
    """
    lake = Lake(settings.lake_url)
    statements = read_statements(lake.root)
    waiting = [each for each in statements if each.review is None]
    known = _known_labels(lake, {each.image_sha256 for each in waiting})
    influence = VotingLimits.of(settings)
    found = review(statements, known=known, influence=influence, now=now)
    _write(settings, waiting, found.rulings, now=now)
    _delete(settings, find_expired_reports(statements, since=now - timedelta(days=influence.days)))
    return found


def keep(settings: Settings, answers: Mapping[str, str | None], *, by: str, now: datetime) -> int:
    """Write down what the person `by` found: the label of each image, None for one of no use; return how many reports.

    Overrules what was agreed on. An image that entered by mistake is withdrawn for good.
    """
    lake = Lake(settings.lake_url)
    rulings = [ruling for image, label in answers.items() for ruling in answer(image, label, by=by)]
    asked = [each for each in read_statements(lake.root) if each.image_sha256 in answers]
    mistaken = {
        each.image_sha256 for each in asked if each.review == ACCEPTED and each.label != answers[each.image_sha256]
    }
    if mistaken:  # first of all: it may have been ingested, and nothing in a lake is ever deleted
        withdraw(lake, mistaken, lock=settings.reports_lock, reason=_OVERRULED, now=now)
    return _write(settings, asked, rulings, now=now)


def _known_labels(lake: Lake, images: Collection[str]) -> dict[str, str]:
    """Return the labels of those `images` that the latest dataset version holds from elsewhere than from reports."""
    latest = lake.latest()
    if latest is None or not images:
        return {}
    rows = read_manifest(lake, latest, columns=("sha256", "label", "source"))
    held = rows[rows["sha256"].isin(images) & (rows["source"] != REPORTS)]
    return dict(zip(held["sha256"], held["label"], strict=True))


def _write(settings: Settings, statements: Iterable[UserReport], rulings: Iterable[Ruling], *, now: datetime) -> int:
    """Write the rulings into the reports that say what they rule on; return how many that were."""
    by_what = {(ruling.image_sha256, ruling.label): ruling for ruling in rulings}
    root, written = Lake(settings.lake_url).root, 0
    for each in statements:
        ruling = by_what.get((each.image_sha256, each.label))
        if ruling is not None:
            with locked(settings.reports_lock):
                written += _write_one(root, each, ruling, now=now)
    return written


def _write_one(lake: UPath, said: UserReport, ruling: Ruling, *, now: datetime) -> bool:
    """Write a ruling into one report, unless that was withdrawn, replaced or reviewed since it was read."""
    report = read_report(lake, said.id)
    if report is None or (report["label"], report[REVIEW]) != (said.label, said.review):
        return False
    found = REJECTED
    if ruling.holds:
        found = ACCEPTED if report["image"]["bytes"] is not None and ruling.by != KNOWN else CONFIRMED
    if found != ACCEPTED:  # nobody will look at it again, nor train on it
        report |= {"image": {"bytes": None, "path": report["image"]["path"]}, "comment": ""}
    write_report(lake, said.id, report | {REVIEW: found, "reviewed_by": ruling.by, "reviewed_at": now})
    return True


def _delete(settings: Settings, statements: Iterable[UserReport]) -> None:
    root = Lake(settings.lake_url).root
    for each in statements:
        with locked(settings.reports_lock):
            remove(path_of(root, each.id))
