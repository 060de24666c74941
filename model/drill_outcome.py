"""Outcome of a drill: how far accuracy fell, how soon that was noticed, and whether all was well in time."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from model.drill import Answer, Drill, Phase
from model.metrics import Estimate, proportion

SWAP: Final = "swap"
"""The step at whose end the service gives verdicts of the new version."""

_PERCENT: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was asked of the platform and what came of it; `value` is None when the drill did not get that far.

    `bound` says whether the value must be at most the limit or at least.
    """

    name: str
    meaning: str
    value: float | None
    unit: str
    bound: Literal["at least", "at most"]
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value is there and within the limit."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.bound == "at least" else self.value <= self.limit


def goals(drill: Drill) -> tuple[Goal, ...]:
    """Hold a drill against what issue and README promise; the limits are those of two cores and built-in images."""
    calm, incident, after = (accuracy(drill.answers, phase) for phase in ("calm", "incident", "after"))
    return (
        Goal(
            name="drop_points",
            meaning="Accuracy fell when the new generator appeared",
            value=_points(calm, incident),
            unit="points",
            bound="at least",
            limit=15.0,
        ),
        Goal(
            name="detect_requests",
            meaning="Images of the new generator until the monitor named it",
            value=drill.alarm.newcomers if drill.alarm else None,
            unit="requests",
            bound="at most",
            limit=300.0,
        ),
        Goal(
            name="seconds",
            meaning="From that alarm until the service gave verdicts of the retrained detector",
            value=_seconds(drill),
            unit="s",
            bound="at most",
            limit=600.0,
        ),
        Goal(
            name="residual_points",
            meaning="Accuracy still missing on the same traffic afterwards",
            value=_points(calm, after),
            unit="points",
            bound="at most",
            limit=2.0,
        ),
    )


def accuracy(answers: Iterable[Answer], phase: Phase, *, generators: Iterable[str | None] | None = None) -> Estimate | None:
    """Estimate the share of right verdicts in a phase, on all images or those of `generators` (None: real ones).

    None when there were no such images.
    """
    wanted = None if generators is None else set(generators)
    asked = [each for each in answers if each.phase == phase and (wanted is None or each.generator in wanted)]
    return proportion(sum(each.right for each in asked), len(asked)) if asked else None


def _points(before: Estimate | None, then: Estimate | None) -> float | None:
    """Return by how many points accuracy was lower then."""
    return _PERCENT * (before.value - then.value) if before and then else None


def _seconds(drill: Drill) -> float | None:
    served = drill.end_of(SWAP)
    return served - drill.alarm.seconds if drill.alarm and served is not None else None
