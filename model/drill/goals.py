"""Compares a drill with its goals: accuracy lost, images until the alarm, seconds until recovery."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from model.drill.record import Answer, Drill, Phase
from model.errors import TruegrainError
from model.estimate import Estimate
from model.metrics import proportion


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A goal of a drill and its measured value; `value` is None if the drill ended before the measurement.

    `value` and `limit` are in `unit`. `bound` says whether `limit` is the least or the greatest value allowed.
    """

    name: str
    meaning: str
    value: float | None
    unit: str
    bound: Literal["at least", "at most"]
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value was measured and is within the limit."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.bound == "at least" else self.value <= self.limit

    @property
    def measured(self) -> str:
        """The value with its unit, for people."""
        return "not reached" if self.value is None else f"{round(self.value, 1):g} {self.unit}"

    def __str__(self) -> str:
        wanted = f"{self.bound} {self.limit:g}"
        return f"{'met' if self.met else 'NOT MET'}  {self.meaning}: {self.measured} (wanted: {wanted})"


def goals(drill: Drill) -> tuple[Goal, ...]:
    """Compare a drill with the goals for the built-in images on two cores."""
    before, during, after = (accuracy(drill.answers_in(phase)) for phase in get_args(Phase))
    early = [reading for reading in drill.readings if reading.alarm and not reading.newcomers]
    return (
        Goal(
            name="early_alarms",
            meaning="Alarms about a new generator before it appeared",
            value=len(early),
            unit="alarms",
            bound="at most",
            limit=0,
        ),
        Goal(
            name="drop_points",
            meaning="Accuracy lost when the new generator appeared (less would be no test)",
            value=_points(before, during),
            unit="points",
            bound="at least",
            limit=15,
        ),
        Goal(
            name="detect_requests",
            meaning="Images of the new generator until the monitor suspected it",
            value=drill.alarm.newcomers if drill.alarm else None,
            unit="images",
            bound="at most",
            limit=300,
        ),
        Goal(
            name="seconds",
            meaning="Time from that alarm until the service used a detector that knows the generator",
            value=_seconds(drill),
            unit="s",
            bound="at most",
            limit=600,
        ),
        Goal(
            name="residual_points",
            meaning="Accuracy still lost after recovery, on the same kind of traffic",
            value=_points(before, after),
            unit="points",
            bound="at most",
            limit=2,
        ),
    )


def require_met(drill: Drill) -> None:
    """Raise TruegrainError if the drill has a fault or missed a goal; the message names them."""
    missed = "; ".join(str(goal) for goal in goals(drill) if not goal.met)
    if drill.fault or missed:
        raise TruegrainError(f"the drill {drill.id} was not passed: {'; '.join(filter(None, (drill.fault, missed)))}")


def accuracy(answers: Sequence[Answer]) -> Estimate | None:
    """Estimate the share of right verdicts; None without verdicts."""
    return proportion(sum(answer.right for answer in answers), len(answers)) if answers else None


def _points(before: Estimate | None, then: Estimate | None) -> float | None:
    """Return the loss of accuracy from `before` to `then`, in percentage points."""
    return 100.0 * (before.value - then.value) if before and then else None


def _seconds(drill: Drill) -> float | None:
    swap = drill.step("swap")
    return swap.end - drill.alarm.seconds if drill.alarm and swap else None
