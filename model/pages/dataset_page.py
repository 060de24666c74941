"""Draws the page of a dataset version: its contents, sample images, changes, and what was left out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import structlog

from model.dataset.assembly import LEFT_OUT
from model.dataset.lake import Lake
from model.dataset.manifest import SPLITS, read_candidates
from model.dataset.summary import COUNTED
from model.dataset.validation import read_validation
from model.files import write_text
from model.pages.contact_sheets import SHOWN, draw_sheets
from model.pages.dataset_plots import PLOTTED, draw_plots
from model.pages.rendering import render_page
from model.sources.labelled_image import NOT_STATED

_NOT_DRAWN: Final = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Dataset version {version}</title>
<p>The page of dataset version {version} could not be drawn: {reason}</p></html>
"""
_MOST_LINES: Final = 30
"""Most lines of a table on the page; summary.json has all lines."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Change:
    """How many images with one `value` of a column were added and removed since the previous version."""

    column: str
    value: str
    added: int
    removed: int


def write_page(lake: Lake, version: str) -> None:
    """Draw docs/version.html of a staged version from its candidates, their images, its summary and its validation.

    If the page cannot be drawn, a short page and the log say why, and the version itself is unaffected. Raises
    StorageFull if there is no room for the page; later steps would have no room, either.
    """
    try:
        page = _draw(lake, version)
    except Exception as error:  # a page that cannot be drawn must not stop a dataset version
        reason = f"{type(error).__name__}: {error}"
        _log.warning("version_page_not_drawn", version=version, reason=reason)
        page = _NOT_DRAWN.format(version=version, reason=escape(reason))
    write_text(lake.version_path(version) / "docs" / "version.html", page)


def _draw(lake: Lake, version: str) -> str:
    folder = lake.version_path(version)
    rows = read_candidates(lake, version, columns=sorted({*SHOWN, *PLOTTED}))
    summary = json.loads((folder / "summary.json").read_text())
    return render_page(
        "dataset_page.html",
        version=version,
        summary=summary,
        validation=read_validation(lake, version),
        labels=rows["label"].value_counts().to_dict(),
        bytes=int(rows["bytes"].sum()),
        splits=SPLITS,
        changes=_changes(summary["diff"]),
        rules=LEFT_OUT,
        not_stated=NOT_STATED,
        most=_MOST_LINES,
        sheets=draw_sheets(lake, rows),
        plots=draw_plots(rows),
    )


def _changes(diff: Mapping[str, Any]) -> list[Change]:
    """List the changes: columns in the order of the summary, and the largest changes of each column first."""
    added, removed = diff["added"], diff["removed"]
    return [
        Change(column, value, added[column].get(value, 0), removed[column].get(value, 0))
        for column in COUNTED
        for value in _largest_first(added[column], removed[column])
    ]


def _largest_first(added: Mapping[str, int], removed: Mapping[str, int]) -> list[str]:
    return sorted({*added, *removed}, key=lambda value: (-added.get(value, 0) - removed.get(value, 0), value))
