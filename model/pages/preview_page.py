"""Draws the page of a preview: what each source holds, example images with their labels, and shortcuts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from model.dataset.checking import Checked
from model.dataset.intake import Row
from model.dataset.preview import Preview
from model.dataset.shortcuts import MOST_AUC
from model.labels import CLASSES
from model.pages.contact_sheets import draw_thumbnail
from model.pages.dataset_plots import draw_plots
from model.pages.plots import COLOURS, Plot
from model.pages.rendering import picture, render_page
from model.sources.labelled_image import NOT_STATED

_SIDE: Final = 192
_MOST_LINES: Final = 30
"""Most lines of a table on the page."""


@dataclass(frozen=True)
class Example:
    """An image of the contact sheet: a data URL of a WebP, and what is known of the image."""

    uri: str
    label: str
    generator: str | None
    split: str | None
    origin: str
    facts: str


@dataclass(frozen=True)
class Drawn:
    """A source on the page."""

    checked: Checked
    table: Mapping[tuple[str, str], Mapping[str, int]]
    examples: tuple[Example, ...] = ()
    plots: tuple[Plot, ...] = ()


def draw_preview_page(checked: Iterable[Checked]) -> str:
    """Return the page of some sources as HTML; pictures are part of the page."""
    return render_page(
        "preview_page.html",
        sources=[_draw(each) for each in checked],
        classes=CLASSES,
        colours=COLOURS,
        limit=MOST_AUC,
        most=_MOST_LINES,
        not_stated=NOT_STATED,
    )


def _draw(checked: Checked) -> Drawn:
    found = checked.preview
    if found is None:
        return Drawn(checked, {})
    examples = tuple(_example(row) for row in found.examples)
    return Drawn(checked, _cross(found), examples, tuple(draw_plots(found.rows)))


def _cross(found: Preview) -> dict[tuple[str, str], dict[str, int]]:
    """Return the number of images by split and generator, for each label."""
    table: dict[tuple[str, str], dict[str, int]] = {}
    for facts, images in sorted(found.images.items(), key=lambda each: -each[1]):
        line = table.setdefault((facts.split or NOT_STATED, facts.generator or ""), dict.fromkeys(CLASSES, 0))
        line[facts.label] += images
    return table


def _example(row: Row) -> Example:
    quality = "" if row["jpeg_quality"] is None else f", quality {row['jpeg_quality']}"
    return Example(
        uri=picture(draw_thumbnail(row["image"], side=_SIDE)),
        label=row["label"],
        generator=row["generator"],
        split=row["split_hint"],
        origin=row["origin"],
        facts=f"{row['width']:,} × {row['height']:,} {row['format']}{quality}",
    )
