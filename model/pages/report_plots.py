"""Draws the plots of an evaluation: ROC, precision and recall, reliability; the champion's curves as well."""

from functools import partial
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from model.evaluation.report import Report
from model.labels import AI, CLASSES, REAL
from model.metrics import ECE_BINS, calibration_bins, proportion
from model.pages.plots import COLOURS, INK, Plot, draw_plot

_Points = tuple[NDArray[np.float64], NDArray[np.float64]]
_MOST_POINTS: Final = 300
"""Most points of a curve, so that the page does not grow with the split."""
_LOWEST_RATE: Final = 1e-4
_NAMES: Final = ("this detector", "champion")
_LOOKS: Final[tuple[dict[str, Any], ...]] = (
    {"color": COLOURS[CLASSES[AI]], "linewidth": 1.8},
    {"color": INK, "linewidth": 1.1, "linestyle": "--"},
)


def draw_report_plots(report: Report, champion: Report | None) -> list[Plot]:
    """Draw the curves of a report and, if given, of the champion's report on the same images."""
    reports = [report] if champion is None else [report, champion]
    return [
        draw_plot(
            "ROC",
            "share of AI images found, by the share of real images called AI (logarithmic)",
            partial(_draw_roc, reports=reports),
        ),
        draw_plot(
            "Precision and recall",
            "share of AI images among the images called AI, by the share of AI images found",
            partial(_draw_precision, reports=reports),
        ),
        draw_plot(
            "Reliability",
            "share of AI images among images of similar probability, with 95 % intervals; perfect is the diagonal",
            partial(_draw_reliability, reports=reports),
        ),
    ]


def roc(report: Report) -> _Points:
    """Return false-positive and true-positive rates [k], from the highest threshold to the lowest."""
    called, hits, reals, ais = _counts(report)
    return (called - hits) / reals, hits / ais


def precision_recall(report: Report) -> _Points:
    """Return recalls and precisions [k], from the highest threshold to the lowest."""
    called, hits, _, ais = _counts(report)
    return hits / ais, hits / called


def _counts(report: Report) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Count the images called AI [k] and the AI images among them [k], for each threshold; all real, all AI images."""
    probability, label = np.array(report.predictions.probability), np.array(report.predictions.label)
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.diff(probability[order], append=-1.0))  # equal probabilities are called AI together
    hits = (label[order] == AI).cumsum()[ends]
    return ends + 1, hits, int((label == REAL).sum()), int((label == AI).sum())


def _draw_roc(axes: Axes, *, reports: list[Report]) -> None:
    lowest = max(_LOWEST_RATE, min(1 / (report.predictions.label.count(REAL) + 1) for report in reports))
    grid = np.geomspace(lowest, 1, _MOST_POINTS)
    for report, name, look in zip(reports, _NAMES, _LOOKS, strict=False):
        fpr, tpr = roc(report)
        found = np.concatenate([[0.0], tpr])[np.searchsorted(fpr, grid, side="right")]
        axes.plot(grid, found, label=f"{name}, area {report.overall['auroc'].value:.4f}", **look)
    axes.set(xscale="log", xlim=(lowest, 1), xlabel="real images called AI", ylabel="AI images found")
    _show_percent(axes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _place: f"{100 * share:g}%"))


def _draw_precision(axes: Axes, *, reports: list[Report]) -> None:
    for report, name, look in zip(reports, _NAMES, _LOOKS, strict=False):
        recall, precision = precision_recall(report)
        picked = np.unique(np.linspace(0, len(recall) - 1, _MOST_POINTS).astype(int))
        axes.plot(recall[picked], precision[picked], label=name, **look)
    axes.set(xlim=(0, 1.01), xlabel="AI images found", ylabel="AI among images called AI")
    _show_percent(axes)


def _draw_reliability(axes: Axes, *, reports: list[Report]) -> None:
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=":")
    for report, name, look in zip(reports, _NAMES, _LOOKS, strict=False):
        probability, label = np.array(report.predictions.probability), np.array(report.predictions.label)
        bins = calibration_bins(probability)
        held = [bins == number for number in range(ECE_BINS) if (bins == number).any()]
        shares = [proportion(int((label[members] == AI).sum()), int(members.sum())) for members in held]
        errors = [[s.value - s.low for s in shares], [s.high - s.value for s in shares]]
        means = [float(probability[members].mean()) for members in held]
        style = look | {"marker": "o", "markersize": 4, "elinewidth": 0.8}
        axes.errorbar(means, [share.value for share in shares], yerr=np.maximum(errors, 0), label=name, **style)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="probability of AI", ylabel="share of AI images")
    _show_percent(axes)


def _show_percent(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
