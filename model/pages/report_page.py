"""Renders an evaluation and the gate's decision as one self-contained HTML page."""

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
    "accuracy": "share of all images that are called right",
    "f1": "harmonic mean of precision and recall of AI",
    "auroc": "probability that an AI image scores above a real image",
    "ece": "expected calibration error: mean difference between probabilities and shares of AI images, less chance",
    "fpr": "share of real images called AI",
    "tpr": "share of AI images called AI",
    "answered": "share of images whose verdict is not 'unsure'",
    "answered_error": "share of wrong verdicts among the answered images",
    "answered_fpr": "share of real images whose verdict is 'ai'",
    "answered_fnr": "share of AI images whose verdict is 'real'",
    "out_of_domain": "share of images unlike those of the training: their verdict is 'unsure'",
}
"""The meaning of each metric of `Report.overall`."""

TILES: Final = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "ece": "calibration error",
    "fpr": "real called AI",
    "tpr": "AI found",
    "answered": "answered",
    "answered_error": "wrong answers",
    "out_of_domain": "out of domain",
}
"""The metrics at the top of the page, and their titles."""

_MOST_SLICES: Final = 30
"""Most slices shown of one column, lowest accuracy first; report.json has all slices."""


@dataclass(frozen=True)
class Slices:
    """The slices of one column that are shown, and the number of hidden slices."""

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
    """Return the page as HTML; all values are escaped. `champion` is the champion's report on the same images."""
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
        knows_domain="out_of_domain" in report.overall,
        slices=_by_column(report),
        theirs=_champions_values(champion),
        slice_floor=_find_floor([each.accuracy for each in report.slices]),
        robustness_floor=_find_floor([*robustness, report.overall["accuracy"]]),
        forecast_floor=_find_floor([each.recall for each in forecast.unseen] if forecast else []),
        plots=draw_report_plots(report, champion),
    )


def _count_confusion(report: Report) -> dict[str, dict[str, int]]:
    """Count the images by label and by what they are called at the threshold: [label][called]."""
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
    """Return the champion's accuracy by (column, value) of a slice, or ('degraded', name) of a degradation."""
    if champion is None:
        return {}
    slices = {(each.column, each.value): each.accuracy.value for each in champion.slices}
    return slices | {("degraded", each.name): each.accuracy.value for each in champion.robustness}


def _find_floor(estimates: list[Estimate]) -> float:
    """Return the start of an axis that ends at 1 and shows all `estimates`: a multiple of 0.1, at most 0.9."""
    return min([0.9, *(math.floor(10 * estimate.low) / 10 for estimate in estimates)])
