"""Draws the plots of a drill: accuracy, the monitor's signals and estimate, and scores of the newcomer's images."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from model.drill.record import Answer, Drill, Phase, Reading
from model.labels import AI, CLASSES, REAL
from model.pages.plots import COLOURS, INK, Plot, draw_plot

_ROLLING: Final = 60
"""Verdicts that each point of the accuracy curve averages."""
_MOST_SIGNALS: Final = 5
_BINS: Final = 20
_NEW: Final[dict[str, Any]] = {"color": COLOURS[CLASSES[AI]], "linewidth": 1.6}
_OLD: Final[dict[str, Any]] = {"color": COLOURS[CLASSES[REAL]], "linewidth": 1.6, "linestyle": "--"}


def draw_drill_plots(drill: Drill) -> list[Plot]:
    """Draw the plots of a drill; a drill that ended early has fewer plots."""
    plots = []
    if len(drill.answers) >= _ROLLING:
        title = f"share of right verdicts among the last {_ROLLING}"
        plots.append(draw_plot("Accuracy", title, partial(_draw_accuracy, drill=drill)))
    if drill.readings:
        text = "the strongest signals, as multiples of their limits, by the number of the newcomer's images sent"
        plots.append(draw_plot("What the monitor measured", text, partial(_draw_signals, readings=drill.readings)))
    if any(reading.accuracy for reading in drill.readings):
        text = "the monitor's estimate without labels, with its 95 % interval, and the real accuracy on the same images"
        plots.append(draw_plot("Accuracy without labels", text, partial(_draw_estimate, drill=drill)))
    if _of_newcomer(drill, "during"):
        text = "scores of the newcomer's images (probability of AI), as shares of these images"
        plots.append(draw_plot("What the newcomer looked like", text, partial(_draw_newcomer, drill=drill)))
    return plots


def rolling_accuracy(answers: tuple[Answer, ...], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return minutes since the start, and the share of right answers among the last `width`; both [n - width + 1]."""
    ordered = sorted(answers, key=lambda answer: answer.seconds)
    right = np.array([answer.right for answer in ordered], dtype=np.float64)
    minutes = np.array([answer.seconds for answer in ordered]) / 60
    return minutes[width - 1 :], np.convolve(right, np.full(width, 1 / width), mode="valid")


def _draw_accuracy(axes: Axes, *, drill: Drill) -> None:
    axes.plot(*rolling_accuracy(drill.answers, _ROLLING), label="accuracy", **_NEW)
    for (name, seconds), style in zip(_marks(drill), ("--", ":", "-."), strict=False):
        axes.axvline(seconds / 60, color=INK, linewidth=1, linestyle=style, label=name)
    axes.set(xlabel="minutes since the drill began", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _marks(drill: Drill) -> Iterator[tuple[str, float]]:
    incident, swap = drill.step("incident"), drill.step("swap")
    if incident:
        yield "the newcomer appears", incident.begin
    if drill.alarm:
        yield "the monitor suspects it", drill.alarm.seconds
    if swap:
        yield "the new detector serves", swap.end


def _draw_signals(axes: Axes, *, readings: tuple[Reading, ...]) -> None:
    furthest = {
        signal.name: max(_excess(reading, signal.name) for reading in readings) for signal in readings[-1].signals
    }
    shown = sorted(furthest, key=lambda name: -furthest[name])[:_MOST_SIGNALS]
    sent = [reading.newcomers for reading in readings]
    for name, style in zip(shown, ("-", "--", "-.", ":", (0, (5, 1))), strict=False):
        axes.plot(sent, [_excess(reading, name) for reading in readings], linestyle=style, label=name.replace("_", " "))
    axes.axhline(1, color=INK, linewidth=0.8, label="limit")
    axes.set(xlabel="images of the newcomer", ylabel="of the limit")


def _excess(reading: Reading, name: str) -> float:
    return next((each.value / each.limit for each in reading.signals if each.name == name and each.limit), np.nan)


def _draw_estimate(axes: Axes, *, drill: Drill) -> None:
    told = [reading for reading in drill.readings if reading.accuracy]
    minutes = [reading.seconds / 60 for reading in told]
    axes.plot(minutes, [reading.accuracy.value for reading in told if reading.accuracy], label="estimate", **_OLD)
    lows = [reading.accuracy.low for reading in told if reading.accuracy]
    highs = [reading.accuracy.high for reading in told if reading.accuracy]
    axes.fill_between(minutes, lows, highs, color=COLOURS[CLASSES[REAL]], alpha=0.2, linewidth=0)
    axes.plot(minutes, [reading.truth for reading in told], label="truth", **_NEW)
    axes.set(xlabel="minutes since the drill began", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _draw_newcomer(axes: Axes, *, drill: Drill) -> None:
    edges = np.linspace(0, 1, _BINS + 1)
    looks: dict[Phase, dict[str, Any]] = {"during": _NEW, "after": _OLD}
    for phase, look in looks.items():
        given = _of_newcomer(drill, phase)
        if given:
            counts, _ = np.histogram(given, edges)
            axes.stairs(counts / len(given), edges, label=f"{phase} the incident", **look)
    axes.set(xlabel="probability of AI", xlim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _of_newcomer(drill: Drill, phase: Phase) -> list[float]:
    return [answer.probability for answer in drill.answers_in(phase, by=(drill.newcomer,))]
