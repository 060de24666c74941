"""Run files: reading what evaluating, deciding and forecasting leave in a run, and drawing the page from all of it."""

import tempfile
from pathlib import Path

from model.detectors.artifact import CARD, Card
from model.errors import RegistryError
from model.evaluation.forecast import Forecast
from model.evaluation.gate.decision import Decision
from model.evaluation.report import Report
from model.pages.gallery import Gallery
from model.pages.report_page import render
from model.registry import FULL, INT8, Registry, Run
from model.registry.run_files import CHAMPION, DECISION, FORECAST, GALLERY, PAGE, REPORT, REPORT_INT8


def read_card(registry: Registry, run_id: str, *, variant: str = FULL) -> Card:
    """Read the card of a run's detector; raises RegistryError when the run holds none of that variant."""
    content = registry.read_file(run_id, f"{variant}/{CARD}")
    if content is None:
        raise RegistryError(f"run {run_id} holds no detector '{variant}'")
    return Card.from_json(content)


def read_report(registry: Registry, run_id: str, name: str) -> Report | None:
    """Read one of a run's reports, or None when it has none of that name."""
    content = registry.read_file(run_id, name)
    return Report.from_json(content) if content is not None else None


def read_judged(registry: Registry, run_id: str) -> Report:
    """Read the report that the decision on a run is about: that of the variant which was registered.

    Raises RegistryError when there is none.
    """
    version = registry.find(run_id)
    name = REPORT_INT8 if version is not None and version.variant == INT8 else REPORT
    report = read_report(registry, run_id, name)
    if report is None:
        raise RegistryError(f"run {run_id} has no {name}: evaluate it first")
    return report


def read_decision(registry: Registry, run_id: str) -> Decision:
    """Read what the gate said of a run; raises RegistryError when it was not asked."""
    content = registry.read_file(run_id, DECISION)
    if content is None:
        raise RegistryError(f"run {run_id} has no {DECISION}: it must be evaluated and decided on first")
    return Decision.from_json(content)


def draw_page(registry: Registry, run: Run, report: Report, decision: Decision) -> None:
    """Draw report.html, with the champion, the gallery and the forecast that the run holds, and log it."""
    mistakes, forecast = registry.read_file(run.id, GALLERY), registry.read_file(run.id, FORECAST)
    page = render(
        report,
        decision,
        champion=read_report(registry, run.id, CHAMPION),
        forecast=Forecast.from_json(forecast) if forecast is not None else None,
        gallery=Gallery.from_json(mistakes) if mistakes is not None else None,
    )
    log_text(run, PAGE, page)


def log_text(run: Run, name: str, content: str) -> None:
    """Log `content` as the file `name` of a run, in the place of one that was there."""
    with tempfile.TemporaryDirectory() as aside:
        (Path(aside) / name).write_text(content, encoding="utf-8")
        run.log_folder(Path(aside))
