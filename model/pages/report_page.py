"""Report page: an evaluation and the gate's decision as one self-contained HTML page."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from model.estimate import Estimate
from model.evaluation.forecast import Forecast
from model.evaluation.gate.decision import Decision
from model.evaluation.report import Report, Slice
from model.images.degradations import RESHIPPED
from model.labels import CLASSES
from model.pages.gallery import Gallery
from model.pages.rendering import render_page
from model.pages.report_plots import draw_report_plots

METRICS: Final = {
    "accuracy": "right, of all images",
    "f1": "harmonic mean of precision and recall of AI",
    "auroc": "chance that an AI image scores above a real one",
    "ece": "expected calibration error: how far probabilities are from shares",
    "fpr": "real images called AI",
    "tpr": "AI images found",
    "answered": "outside the band in which the verdict is 'unsure'",
    "answered_error": "wrong, of what is answered",
}
"""What each metric of `Report.overall` is, in words."""

TILES: Final = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "ece": "calibration error",
    "fpr": "real called AI",
    "tpr": "AI found",
    "answered": "answered",
    "answered_error": "wrong answers",
}
"""The metrics at the top of the page, as they are called there."""

_MOST_SLICES: Final = 30
"""Slices shown of one column, those of the lowest accuracy; report.json has them all."""


@dataclass(frozen=True)
class Slices:
    """The slices of one column that are shown, and how many are not."""

    column: str
    shown: tuple[Slice, ...]
    hidden: int


def render(
    report: Report,
    decision: Decision,
    *,
    champion: Report | None = None,
    forecast: Forecast | None = None,
    gallery: Gallery | None = None,
) -> str:
    """Return the page; `champion` is its report on the same images. Whatever comes from data is escaped."""
    robustness = [degraded.accuracy for degraded in report.robustness]
    mistakes = gallery.mistakes if gallery is not None else ()
    return render_page(
        "report_page.html",
        report=report,
        decision=decision,
        champion=champion,
        forecast=forecast,
        gallery={label: [mistake for mistake in mistakes if mistake.label == label] for label in CLASSES},
        metrics=METRICS,
        tiles=TILES,
        reshipped=RESHIPPED,
        confusion=_count_confusion(report),
        slices=_by_column(report),
        theirs=_champions_values(champion),
        slice_floor=_find_floor([each.accuracy for each in report.slices]),
        robustness_floor=_find_floor([*robustness, report.overall["accuracy"]]),
        forecast_floor=_find_floor([each.recall for each in forecast.unseen] if forecast else []),
        plots=draw_report_plots(report, champion),
    )


def _count_confusion(report: Report) -> dict[str, dict[str, int]]:
    """Count the images by what they are and by the side of the threshold they are on."""
    counts = {label: dict.fromkeys(CLASSES, 0) for label in CLASSES}
    for label, probability in zip(report.predictions.label, report.predictions.probability, strict=True):
        counts[CLASSES[label]][CLASSES[probability >= report.threshold]] += 1
    return counts


def _by_column(report: Report) -> list[Slices]:
    columns: dict[str, list[Slice]] = defaultdict(list)
    for each in report.slices:
        columns[each.column].append(each)
    return [
        Slices(column, tuple(sorted(held, key=_by_accuracy)[:_MOST_SLICES]), max(0, len(held) - _MOST_SLICES))
        for column, held in columns.items()
    ]


def _by_accuracy(each: Slice) -> tuple[float, str]:
    return each.accuracy.value, each.value


def _champions_values(champion: Report | None) -> Mapping[tuple[str, str], float]:
    """Look up the champion's accuracy by column and value of a slice, or by 'degraded' and the degradation's name."""
    if champion is None:
        return {}
    slices = {(each.column, each.value): each.accuracy.value for each in champion.slices}
    return slices | {("degraded", each.name): each.accuracy.value for each in champion.robustness}


def _find_floor(estimates: list[Estimate]) -> float:
    """Return where an axis that shows all of `estimates` up to 1 begins: a whole tenth, at most 0.9."""
    return min([0.9, *(math.floor(10 * estimate.low) / 10 for estimate in estimates)])
