"""Post-mortem: a drill as a page that stands alone, and as Markdown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from upath import UPath

from model.drill.goals import accuracy, goals
from model.drill.record import Drill, Phase, Reading
from model.drill.story import summarise, tell, tell_alarm
from model.estimate import Estimate
from model.files import write_text
from model.monitoring.terms import Signal
from model.pages.drill_plots import draw_drill_plots
from model.pages.rendering import render_page

PAGE: Final = "post-mortem.html"
MARKDOWN: Final = "post-mortem.md"


@dataclass(frozen=True)
class Row:
    """Accuracy on some of the images, phase by phase; None where none of them were sent."""

    images: str
    accuracy: tuple[Estimate | None, ...]


def write_post_mortem(drill: Drill, folder: Path) -> Path:
    """Write both forms into `folder` and return the page; raises StorageFull when there is no room."""
    facts = _facts(drill)
    write_text(UPath(folder / MARKDOWN), render_page("drill_page.md", **facts))
    write_text(UPath(folder / PAGE), render_page("drill_page.html", plots=draw_drill_plots(drill), **facts))
    return folder / PAGE


def accuracies(drill: Drill) -> tuple[Row, ...]:
    """Tell accuracy apart by what the images were and by phase, in the order of `Phase`."""
    kinds: dict[str, tuple[str | None, ...]] = {
        "all": (None, *drill.known, drill.newcomer),
        "real": (None,),
        "by generators it knew": drill.known,
        f"by {drill.newcomer}": (drill.newcomer,),
    }
    return tuple(
        Row(name, tuple(accuracy(drill.answers_in(phase, by=by)) for phase in get_args(Phase)))
        for name, by in kinds.items()
    )


def over_limit(reading: Reading) -> tuple[Signal, ...]:
    """Return the signals of a reading that were over their limits, the furthest first."""
    return tuple(sorted((each for each in reading.signals if each.over), key=lambda each: -each.value / each.limit))


def _facts(drill: Drill) -> dict[str, Any]:
    held = goals(drill)
    return {
        "drill": drill,
        "goals": held,
        "passed": drill.fault is None and all(goal.met for goal in held),
        "summary": tuple(summarise(drill)),
        "phases": get_args(Phase),
        "accuracies": accuracies(drill),
        "story": tell(drill),
        "noticed": tuple(tell_alarm(drill)),
        "signals": over_limit(drill.alarm) if drill.alarm else (),
        "longest": max((step.seconds for step in drill.steps), default=0.0),
    }
