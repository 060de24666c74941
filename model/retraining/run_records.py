"""Reads and writes the records of a run (reports, decisions, gallery, forecast), and draws its report page."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from model.errors import RegistryError
from model.evaluation.forecast import Forecast
from model.evaluation.gate.deciding import Deciding, DecidingImages
from model.evaluation.gate.decision import Decision, judge
from model.evaluation.gate.policy import Policy
from model.evaluation.report import Report
from model.pages.gallery import Gallery
from model.pages.report_page import render
from model.record import Record
from model.registry import FULL, INT8, Registry, Run
from model.registry.run_files import (
    CHAMPION,
    DECIDING,
    DECISION,
    DECISION_INT8,
    FORECAST,
    GALLERY,
    PAGE,
    REPORT,
    REPORT_INT8,
)

_FILES: Final[Mapping[str, tuple[str, type[Record]]]] = {
    "report": (REPORT, Report),
    "report_int8": (REPORT_INT8, Report),
    "champion": (CHAMPION, Report),
    "gallery": (GALLERY, Gallery),
    "decision": (DECISION, Decision),
    "decision_int8": (DECISION_INT8, Decision),
    "deciding": (DECIDING, DecidingImages),
    "forecast": (FORECAST, Forecast),
}
"""For each field of RunRecords, its file and the type of record in it."""

_ATTEMPTS: Final = 10
"""How often a page is drawn whose gallery changes meanwhile; an erasure changes it once."""


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """The records of run `run_id`, each in its own file; None if the run has no such file.

    `champion` is the report on the detector in production, measured on the same images. `decision` is about the
    registered variant. `decision_int8` is about the int8 variant, if the gate judged that variant. `deciding` lists the
    images that decided.
    """

    run_id: str
    report: Report | None = None
    report_int8: Report | None = None
    champion: Report | None = None
    gallery: Gallery | None = None
    decision: Decision | None = None
    decision_int8: Decision | None = None
    deciding: DecidingImages | None = None
    forecast: Forecast | None = None

    @classmethod
    def load(cls, registry: Registry, run_id: str) -> Self:
        """Read all records of a run; raises TruegrainError for a file that cannot be understood or is too large."""
        found = registry.read_files(run_id, {file: kind.most_bytes for file, kind in _FILES.values()})
        records: dict[str, Any] = {
            field: kind.from_json(found[file]) for field, (file, kind) in _FILES.items() if file in found
        }
        return cls(run_id=run_id, **records)

    @property
    def variant(self) -> str:
        """The variant that the decision is about: INT8 if that variant passed the gate, else FULL."""
        return INT8 if self.decision is not None and self.decision == self.decision_int8 else FULL

    def require_report(self) -> Report:
        """Return the report on the variant that the decision is about; raises RegistryError if there is none."""
        report, name = (self.report_int8, REPORT_INT8) if self.variant == INT8 else (self.report, REPORT)
        if report is None:
            raise RegistryError(f"run {self.run_id} has no {name}: evaluate it first")
        return report

    def require_decision(self) -> Decision:
        """Return the decision of the gate; raises RegistryError if there is none."""
        if self.decision is None:
            raise RegistryError(f"run {self.run_id} has no {DECISION}: it must be evaluated and decided on first")
        return self.decision

    def judged_by(self, policy: Policy, *, deciding: Deciding | None = None, number: int = 1) -> Self:
        """Return the records with the decisions of the gate on their reports.

        `deciding` and `number` are those of `judge`. If both the int8 variant and the detector as trained pass, the
        decision is about the int8 variant. Otherwise it is about the detector as trained. Raises RegistryError if the
        run was not evaluated.
        """
        undecided = replace(self, decision=None, decision_int8=None)
        report = undecided.require_report()
        decision = judge(report, self.champion, policy, deciding=deciding, number=number)
        if not decision.promote or self.report_int8 is None:
            return replace(undecided, decision=decision)
        of_int8 = judge(self.report_int8, self.champion, policy, deciding=deciding, number=number, original=report)
        return replace(undecided, decision=of_int8 if of_int8.promote else decision, decision_int8=of_int8)

    def save(self, run: Run, *, since: "RunRecords | None" = None) -> None:
        """Log each record that differs from `since`, replacing its file; if there is a decision, log the page, too."""
        with tempfile.TemporaryDirectory() as aside:
            for field, (file, _) in _FILES.items():
                record: Record | None = getattr(self, field)
                if record is not None and record is not getattr(since, field, None):
                    (Path(aside) / file).write_text(record.to_json(), encoding="utf-8")
            if self.decision is not None:
                (Path(aside) / PAGE).write_text(self._draw_page(self.decision), encoding="utf-8")
            run.log_folder(Path(aside))

    def save_with_page(self, registry: Registry, run: Run, *, since: "RunRecords") -> None:
        """Save, and draw the page once more where the gallery has changed meanwhile: an erasure may take pictures out.

        An erasure writes the gallery last. So the page shows no picture that has left the gallery.
        """
        self.save(run, since=since)
        shown = self
        for _ in range(_ATTEMPTS):
            there = read_gallery(registry, self.run_id)
            if there == shown.gallery:
                return
            shown = replace(shown, gallery=there)
            shown.save(run, since=shown)
        raise RegistryError(f"the gallery of run {self.run_id} keeps changing: look who writes to the run")

    def erase(self, run: Run, images: Collection[str]) -> bool:
        """Remove `images` (their SHA-256) from the gallery and its page; return whether the gallery showed any of them.

        The page is replaced first. If the call is interrupted, the gallery still shows the images, so repeating the
        call replaces both. The page is replaced last, too, because another process may have drawn an older gallery.
        """
        shown = self.gallery.mistakes if self.gallery is not None else ()
        left = tuple(mistake for mistake in shown if mistake.sha256 not in images)
        if len(left) == len(shown):
            return False
        without = replace(self, gallery=Gallery(left))
        without.save(run, since=without)
        without.save(run, since=self)
        without.save(run, since=without)
        return True

    def _draw_page(self, decision: Decision) -> str:
        return render(
            self.require_report(), decision, champion=self.champion, forecast=self.forecast, gallery=self.gallery
        )


def read_gallery(registry: Registry, run_id: str) -> Gallery | None:
    """Return the gallery that a run holds now, None for one without; raises TruegrainError for anything else."""
    content = registry.read_file(run_id, GALLERY, most_bytes=Gallery.most_bytes)
    return None if content is None else Gallery.from_json(content)
