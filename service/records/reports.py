"""Stores and withdraws users' reports of what an image is; each report is a file in the lake that awaits its review."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from upath import UPath

from model.feedback.agreement import is_borne
from model.feedback.reports import (
    ANONYMOUS,
    ID,
    NAME,
    list_ids,
    path_of,
    read_report,
    read_statement,
    read_statements,
    reporter_mark,
    write_report,
)
from model.files import remove
from model.monitoring.predictions import Prediction
from model.processes import locked
from model.sources.reports import ACCEPTED, CONFIRMED, FOLDER
from model.sources.shard_columns import REVIEW
from service.answers.problems import Refusal
from service.protection.access import REPORT_HEADER
from service.records.report_room import ReportRoom
from service.records.reporter import Reporter

_LATER: Final = "the image stays in the lake, and on pages that show it, until the pipeline erases it, within a day"
_PUBLISHED: Final = "detectors that were trained on the image stay; later dataset versions are without the image"
_GIVEN: Final = "the image stays where other reporters have given it as well"
_REMEMBERED: Final = (
    "the finding of the review stays, without image and comment, because it tells how often its reporter was right"
)
_LOOKED_AT: Final = "the reviewers' page may show the image until the present review ends, within a day"


@dataclass(frozen=True, kw_only=True)
class Report:
    """A statement that the image of `prediction` is of class `label`; `image` holds its file if it may be stored."""

    prediction: Prediction
    label: Literal["real", "ai"]
    comment: str
    image: bytes | None


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """The outcome of a withdrawal: whether the image is kept out of later versions, and what is `left` of it."""

    kept_out: bool
    left: tuple[str, ...]


class Reports:
    """The reports in the lake at a URL, at most one of each reporter on a prediction.

    A later report of the same reporter replaces the earlier one, so that nobody votes twice. All callers without an
    API key are one reporter; a token gives the right to change their report.
    """

    def __init__(self, lake: str, *, lock: Path, room: ReportRoom, agreement: int) -> None:
        self._lake = lake
        self._lock = lock
        self._room = room
        self._agreement = agreement

    def put(self, report: Report, reporter: Reporter) -> str | None:
        """Store a report; return the token by which it can be changed, None for a caller with a key.

        Raises Refusal `not_your_report` when another caller without a key has reported on the prediction,
        `already_reviewed`, and what ReportRoom raises. Raises StorageFull when the disk is full, LockHeld when the
        lock on the reports is not free in time.
        """
        root, prediction = UPath(self._lake), report.prediction.id
        with locked(self._lock):
            name, earlier = self._find(prediction, reporter)
            if earlier is not None and not reporter.owns(earlier):
                raise _not_yours(prediction, "or have the image judged again, and report on the new verdict")
            if earlier is not None and earlier[REVIEW] is not None:
                raise Refusal(
                    "already_reviewed",
                    f"the report on '{prediction}' was reviewed; to make a new report, have the image judged again, and"
                    " report on that verdict",
                )
            token = reporter.token_of(earlier)
            self._room.require(root, reporter, replacing=name, size=len(report.image or b""))
            write_report(root, name, _row(report, reporter, reporter.owner(token)))
        return token

    def withdraw(self, id_: str, reporter: Reporter) -> Withdrawal | None:
        """Delete a report and its image, by the id of the prediction; return None when there is no such report.

        Of a reviewed report the finding stays, or a reporter could have errors forgotten. An admin deletes the finding
        as well.

        The image of an accepted report may be in the lake already. A tombstone keeps this copy out of all later
        dataset versions, and asks the pipeline to erase it. No tombstone is set while the reports of others are enough
        to accept the image (`is_borne`), unless an admin withdraws. Raises Refusal `not_your_report`, StorageFull and
        LockHeld as `put` does.
        """
        root = UPath(self._lake)
        alike = self._ids_alike(self._of(id_, reporter))  # before the lock, because it reads all reports
        with locked(self._lock):
            found = dict(self._of(id_, reporter))
            if not found:
                return None
            accepted = {report["image_sha256"] for report in found.values() if report[REVIEW] == ACCEPTED}
            given = set() if reporter.is_admin else accepted & self._borne_without(found, alike)
            if accepted - given:
                self._ask_for_erasure(sorted(accepted - given))
            for name, report in found.items():
                if report[REVIEW] is None or reporter.is_admin:
                    remove(path_of(root, name))
                else:
                    write_report(root, name, _finding_of(report))
        kept = any(report["image"]["bytes"] is not None for report in found.values())
        left = [_LATER, _PUBLISHED] if accepted - given else []
        left += [_GIVEN] if given else []
        left += [_REMEMBERED] if not reporter.is_admin and any(report[REVIEW] for report in found.values()) else []
        left += [_LOOKED_AT] if kept and (root / FOLDER / "review.html").exists() else []
        return Withdrawal(kept_out=bool(accepted - given), left=tuple(left))

    def _ids_alike(self, found: Iterator[tuple[str, dict[str, Any]]]) -> list[str]:
        """Return the ids of all reports on the images of the accepted reports among `found`."""
        images = {report["image_sha256"] for _, report in found if report[REVIEW] == ACCEPTED}
        said = read_statements(UPath(self._lake)) if images else []
        return [each.id for each in said if each.image_sha256 in images]

    def _borne_without(self, found: Collection[str], alike: Iterable[str]) -> set[str]:
        """Return the images for which the reports `alike` are enough (`is_borne`) without those of `found`."""
        others = [read_statement(UPath(self._lake), id_) for id_ in alike if id_ not in found]
        said = [each for each in others if each is not None]
        images = {each.image_sha256 for each in said}
        return {
            image
            for image in images
            if is_borne((each for each in said if each.image_sha256 == image), agreement=self._agreement)
        }

    def _of(self, id_: str, reporter: Reporter) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the reports that a reporter withdraws by an id: its own report, else for an admin all of them."""
        prediction = id_.partition("-")[0]
        if not NAME.fullmatch(id_):
            return
        name, own = self._find(prediction, reporter)
        if own is not None and reporter.owns(own) and id_ in (prediction, name):
            if reporter.is_admin or not own.get("withdrawn"):
                yield name, own
        elif reporter.is_admin:
            pattern = f"{id_}*" if ID.fullmatch(id_) else id_
            for each in list_ids(UPath(self._lake), pattern):
                report = read_report(UPath(self._lake), each)
                if report is not None:
                    yield each, report
        elif own is not None and not reporter.owns(own):
            raise _not_yours(prediction, "or withdraw it with an admin's key")

    def _find(self, prediction: str, reporter: Reporter) -> tuple[str, dict[str, Any] | None]:
        """Return the name of a reporter's report on a prediction, and the report if there is one.

        A report of an earlier release is named by the id of the prediction alone, without its reporter.
        """
        root, name = UPath(self._lake), f"{prediction}-{reporter_mark(reporter.identity)}"
        report = read_report(root, name)
        if report is None and (earlier := read_report(root, prediction)) is not None:
            named_alike = earlier["client"] == reporter.name
            if named_alike and (reporter.owns(earlier) or reporter.name == ANONYMOUS):
                return prediction, earlier
        return name, report

    def _ask_for_erasure(self, images: list[str]) -> None:
        # Imported here: these modules import pandas, which most workers never need.
        from model.dataset.kept_out import REPORTED
        from model.dataset.lake import Lake
        from model.dataset.tombstones import record

        why = "the report that brought it was withdrawn"
        record(Lake(self._lake), images, reason=why, now=_now(), scope=REPORTED, erase=True)


def _not_yours(prediction: str, way_out: str) -> Refusal:
    return Refusal(
        "not_your_report",
        f"the report on '{prediction}' was made without a key: to change it, send its report_token in the header"
        f" {REPORT_HEADER}; {way_out}",
    )


def _row(report: Report, reporter: Reporter, owner: str) -> dict[str, Any]:
    prediction = report.prediction
    name = f"{prediction.image_sha256}.{prediction.format.lower()}"
    return {
        "image": {"bytes": report.image, "path": name},
        "label": report.label,
        "image_sha256": prediction.image_sha256,
        "model_version": prediction.model_version,
        "probability": prediction.probability,
        "decision": prediction.decision,
        "comment": report.comment,
        "client": reporter.name,
        "owner": owner,
        "reported_at": _now(),
    }


def _finding_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return what stays of a reviewed report that is withdrawn: its finding, without image and comment."""
    found = CONFIRMED if report[REVIEW] == ACCEPTED else report[REVIEW]
    gone = {"image": {"bytes": None, "path": report["image"]["path"]}, "comment": ""}
    return report | gone | {REVIEW: found, "withdrawn": True}


def _now() -> datetime:
    return datetime.now(UTC)
