"""Draws plots as SVG elements in the colour of the page's text; each class looks the same in all plots."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.labels import AI, CLASSES, REAL

_Styles = Mapping[str, Mapping[str, Any]]
_INCHES: Final = (5.0, 3.1)

INK: Final = "#010203"
"""Placeholder for the colour of the page's text; the SVG gets `currentColor` instead."""

_LOOK: Final[dict[Any, Any]] = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}
_NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))

COLOURS: Final = {CLASSES[REAL]: "#2f81d8", CLASSES[AI]: "#d9731a"}
"""Colours of the classes; they are visible on white and on black."""

LINES: Final[_Styles] = {
    CLASSES[REAL]: {"color": COLOURS[CLASSES[REAL]]},
    CLASSES[AI]: {"color": COLOURS[CLASSES[AI]], "linestyle": "--"},
}
DOTS: Final[_Styles] = {
    CLASSES[REAL]: {"facecolor": COLOURS[CLASSES[REAL]], "linewidth": 0, "alpha": 0.6},
    CLASSES[AI]: {"facecolor": "none", "edgecolor": COLOURS[CLASSES[AI]], "linewidth": 1.4},
}
BARS: Final[_Styles] = {
    CLASSES[REAL]: {"color": COLOURS[CLASSES[REAL]]},
    CLASSES[AI]: {"edgecolor": COLOURS[CLASSES[AI]], "fill": False, "hatch": "///"},
}
"""Marks of each class, which can be told apart without colours, too."""


@dataclass(frozen=True)
class Plot:
    """A plot: its title, a description in words, and the SVG element."""

    title: str
    description: str
    svg: str


def draw_plot(title: str, description: str, draw: Callable[[Axes], None]) -> Plot:
    """Let `draw` fill the axes of a figure, and add a legend. The same input gives the same SVG."""
    with rc_context(_LOOK | {"svg.hashsalt": title}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.legend()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    return Plot(title, description, _embeddable(buffer.getvalue()))


def _embeddable(document: str) -> str:
    """Return the SVG element of a document, without a fixed size and without ids that other plots on a page may use."""
    element = document[document.index("<svg") :].replace(INK, "currentColor")
    element = re.sub(r"<!--.*?-->\s*", "", element)
    element = re.sub(r' id="[\w.]+_\d+"', "", element)
    return re.sub(r' (?:width|height)="[\d.]+pt"', "", element)
