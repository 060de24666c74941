"""Writes the post-mortem of a drill as a self-contained HTML page and as Markdown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from upath import UPath

from model.drill.goals import Goal, accuracy, goals
from model.drill.record import Drill, Phase, Reading
from model.drill.story import summarise, tell, tell_alarm
from model.estimate import Estimate
from model.files import write_text
from model.monitoring.terms import Signal
from model.pages.drill_plots import draw_drill_plots
from model.pages.rendering import render_page
from model.rounding import round_apart

PAGE: Final = "post-mortem.html"
MARKDOWN: Final = "post-mortem.md"


@dataclass(frozen=True)
class Row:
    """Accuracy on one kind of images in each phase; None if no such image was sent."""

    images: str
    accuracy: tuple[Estimate | None, ...]


def write_post_mortem(drill: Drill, folder: Path) -> Path:
    """Write the page and the Markdown into `folder` and return the page; raises StorageFull without room."""
    facts = _facts(drill)
    write_text(UPath(folder / MARKDOWN), render_page("drill_page.md", **facts))
    write_text(UPath(folder / PAGE), render_page("drill_page.html", plots=draw_drill_plots(drill), **facts))
    return folder / PAGE


def accuracies(drill: Drill) -> tuple[Row, ...]:
    """Return the accuracy for each kind of images and each phase, in the order of `Phase`."""
    kinds: dict[str, tuple[str | None, ...]] = {
        "all": (None, *drill.known, drill.newcomer),
        "real": (None,),
        "by known generators": drill.known,
        f"by {drill.newcomer}": (drill.newcomer,),
    }
    return tuple(
        Row(name, tuple(accuracy(drill.answers_in(phase, by=by)) for phase in get_args(Phase)))
        for name, by in kinds.items()
    )


def over_limit(reading: Reading) -> tuple[Signal, ...]:
    """Return the signals of a reading that exceeded their limits, the largest ratio first."""
    return tuple(sorted((each for each in reading.signals if each.over), key=lambda each: -each.value / each.limit))


def _facts(drill: Drill) -> dict[str, Any]:
    held = goals(drill)
    return {
        "drill": drill,
        "goals": held,
        "outcome": _sum_up(drill, held),
        "passed": drill.fault is None and all(goal.outcome != "missed" for goal in held),
        "summary": tuple(summarise(drill)),
        "phases": get_args(Phase),
        "accuracies": accuracies(drill),
        "story": tell(drill),
        "noticed": tuple(tell_alarm(drill)),
        "signals": [
            (each.name, *round_apart(each.value, each.limit, 3))
            for each in (over_limit(drill.alarm) if drill.alarm else ())
        ],
        "longest": max((step.seconds for step in drill.steps), default=0.0),
    }


def _sum_up(drill: Drill, held: tuple[Goal, ...]) -> str:
    """Return the outcome of the drill in a few words; an undecided goal is named, and does not fail the drill."""
    if drill.fault is not None or any(goal.outcome == "missed" for goal in held):
        return "Not passed"
    undecided = [goal.meaning for goal in held if goal.outcome == "undecided"]
    return f"Passed, but undecided: {'; '.join(undecided)}" if undecided else "Passed"
