"""Draws the plots of a dataset version: sizes, file sizes, formats, JPEG qualities."""

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import (
    EngFormatter,
    Formatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)
from numpy.typing import NDArray

from model.labels import CLASSES
from model.pages.plots import BARS, DOTS, LINES, Plot, draw_plot

PLOTTED: Final = ("label", "width", "height", "bytes", "format", "jpeg_quality", "decode_error")
"""The columns of a manifest that plots are drawn from."""

_DOT_SIZES: Final = 6
_DOT_AREA: Final = 30
_SIZE_BINS: Final = 24
_BINS: Final = 40


def draw_plots(rows: pd.DataFrame) -> list[Plot]:
    """Draw the decodable `rows` of a manifest by class. All rows are used, however many there are."""
    rows = rows[rows["decode_error"].isna() & rows["label"].isin(CLASSES)]
    if rows.empty:
        return []
    plots = [
        draw_plot("Size", "width and height in pixels, larger dots for more images", partial(_draw_sizes, rows=rows)),
        draw_plot("File size", "sizes of the files, as shares of each class", partial(_draw_bytes, rows=rows)),
        draw_plot("Format", "formats, as shares of each class", partial(_draw_formats, rows=rows)),
    ]
    jpegs = rows[rows["jpeg_quality"].notna()]
    if not jpegs.empty:
        description = "estimated JPEG qualities, as shares of each class"
        plots.append(draw_plot("JPEG quality", description, partial(_draw_qualities, rows=jpegs)))
    return plots


def _draw_sizes(axes: Axes, rows: pd.DataFrame) -> None:
    edges = _log_edges(np.concatenate([_values(rows, "width"), _values(rows, "height")]), _SIZE_BINS)
    middles = np.sqrt(edges[:-1] * edges[1:])
    classes = [
        (label, np.histogram2d(_values(group, "width"), _values(group, "height"), bins=[edges, edges])[0])
        for label, group in _by_class(rows)
    ]
    most = max(counts.max() for _, counts in classes)
    for label, counts in classes:
        # Only a few sizes of dots: the SVG defines each size separately.
        levels = np.ceil(counts / most * _DOT_SIZES)
        for level in np.unique(levels[levels > 0]):
            columns, lines = np.nonzero(levels == level)
            axes.scatter(middles[columns], middles[lines], s=_DOT_AREA * level, **DOTS[label])
        axes.scatter([], [], label=label, **DOTS[label])
    axes.set(xscale="log", yscale="log", xlabel="width, px", ylabel="height, px")
    for axis in (axes.xaxis, axes.yaxis):
        _tick_logarithmically(axis, edges, StrMethodFormatter("{x:g}"))


def _draw_bytes(axes: Axes, rows: pd.DataFrame) -> None:
    edges = _log_edges(_values(rows, "bytes"), _BINS)
    _draw_shares(axes, rows, "bytes", edges)
    axes.set(xscale="log", xlabel="size of the file")
    _tick_logarithmically(axes.xaxis, edges, EngFormatter("B"))


def _draw_qualities(axes: Axes, rows: pd.DataFrame) -> None:
    values = _values(rows, "jpeg_quality")
    _draw_shares(axes, rows, "jpeg_quality", np.arange(values.min() - 3.5, values.max() + 4.5))
    axes.set(xlabel="quality, 1 to 100")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_shares(axes: Axes, rows: pd.DataFrame, column: str, edges: NDArray[np.float64]) -> None:
    for label, group in _by_class(rows):
        counts, _ = np.histogram(_values(group, column), bins=edges)
        axes.stairs(counts / len(group), edges, label=label, linewidth=1.6, **LINES[label])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _draw_formats(axes: Axes, rows: pd.DataFrame) -> None:
    formats = sorted(rows["format"].unique())
    for number, (label, group) in enumerate(_by_class(rows)):
        shares = group["format"].value_counts(normalize=True).reindex(formats, fill_value=0.0)
        places = np.arange(len(formats)) + (number - 0.5) * 0.4
        axes.bar(places, shares, width=0.36, label=label, **BARS[label])
    axes.set(xticks=range(len(formats)), xticklabels=formats, xlim=(-1, len(formats)))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _by_class(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Split the rows by class. AI is last, because its open and dashed marks cover nothing below them."""
    groups = [(label, rows[rows["label"] == label]) for label in CLASSES]
    return [(label, group) for label, group in groups if len(group)]


def _values(rows: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return rows[column].to_numpy(dtype=np.float64)


def _log_edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return the edges of logarithmic bins that cover all values."""
    return np.geomspace(max(values.min(), 1.0) * 0.9, values.max() * 1.1, bins + 1)


def _tick_logarithmically(axis: Axis, edges: NDArray[np.float64], formatter: Formatter) -> None:
    """Label round numbers; use more of them if the axis spans less than a decade."""
    within_a_decade = edges[-1] / edges[0] < 10
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7) if within_a_decade else (1, 3)))
    axis.set_major_formatter(formatter)
    axis.set_minor_formatter(NullFormatter())
