"""Compares a drill with its goals: accuracy lost, images until the alarm, seconds until recovery."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from scipy.stats import binomtest, norm

from model.drill.record import Answer, Drill, Phase
from model.errors import TruegrainError
from model.estimate import CONFIDENCE, Estimate
from model.metrics import proportion
from model.rounding import round_apart

Outcome = Literal["met", "missed", "undecided"]
"""Whether a goal was reached. A goal is undecided if its interval lies on both sides of the limit."""

LARGEST_LOSS: Final = 2.0
"""Most accuracy, in points, that may still be lost after recovery."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A goal of a drill and its measured value; `value` is None if the drill ended before the measurement.

    `value` and `limit` are in `unit`, `value` with a 95 % interval. The interval of a count of this drill is a single
    value. `bound` says whether `limit` is the least or the greatest value allowed. `needed` is the number of images in
    each phase that would decide an undecided goal; None: no number would, or the goal is decided.
    """

    name: str
    meaning: str
    value: Estimate | None
    unit: str
    bound: Literal["at least", "at most"]
    limit: float
    needed: int | None = None

    @property
    def outcome(self) -> Outcome:
        """Whether the whole interval is within the limit, beyond it, or on both sides; missed if not measured."""
        if self.value is None:
            return "missed"
        at_least = self.bound == "at least"
        worst, best = (self.value.low, self.value.high) if at_least else (self.value.high, self.value.low)
        if worst >= self.limit if at_least else worst <= self.limit:
            return "met"
        return "undecided" if (best >= self.limit if at_least else best <= self.limit) else "missed"

    @property
    def measured(self) -> str:
        """The value with its unit and, if it is no count, its interval, for people."""
        if self.value is None:
            return "not reached"
        value, low, high = (self._round(number) for number in (self.value.value, self.value.low, self.value.high))
        interval = "" if self.value.low == self.value.high else f" ({low} to {high})"
        return f"{value} {self.unit}{interval}"

    @property
    def wanted(self) -> str:
        """The limit for people."""
        return f"{self.bound} {self.limit:g}"

    @property
    def judged(self) -> str:
        """The outcome for people; of an undecided goal also how many images would decide it."""
        if self.outcome != "undecided":
            return self.outcome
        would = f"about {self.needed:,} images in each phase would decide it" if self.needed else "the value is at it"
        return f"undecided, {would}"

    def _round(self, number: float) -> str:
        return f"{float(round_apart(number, self.limit, 1)[0]):g}"

    def __str__(self) -> str:
        judged = self.judged.upper() if self.outcome == "missed" else self.judged
        return f"{judged}  {self.meaning}: {self.measured} (wanted: {self.wanted})"


def goals(drill: Drill) -> tuple[Goal, ...]:
    """Compare a drill with the goals for the built-in images on two cores."""
    before, during, after = (drill.answers_in(phase) for phase in get_args(Phase))
    early = [reading for reading in drill.readings if reading.alarm and not reading.newcomers]
    return (
        Goal(
            name="early_alarms",
            meaning="Alarms about a new generator before it appeared",
            value=_exactly(len(early)),
            unit="alarms",
            bound="at most",
            limit=0,
        ),
        Goal(
            name="drop_points",
            meaning="Accuracy lost when the new generator appeared (less would be no test)",
            value=lost_points(before, during),
            unit="points",
            bound="at least",
            limit=15,
            needed=_count_needed(before, during, 15),
        ),
        Goal(
            name="detect_requests",
            meaning="Images of the new generator until the monitor suspected it",
            value=_exactly(drill.alarm.newcomers if drill.alarm else None),
            unit="images",
            bound="at most",
            limit=300,
        ),
        Goal(
            name="seconds",
            meaning="Time from that alarm until the service used a detector that knows the generator",
            value=_exactly(_seconds(drill)),
            unit="s",
            bound="at most",
            limit=600,
        ),
        Goal(
            name="residual_points",
            meaning="Accuracy still lost after recovery, on the same kind of traffic",
            value=lost_points(before, after),
            unit="points",
            bound="at most",
            limit=LARGEST_LOSS,
            needed=_count_needed(before, after, LARGEST_LOSS),
        ),
    )


def require_met(drill: Drill) -> None:
    """Raise TruegrainError if the drill has a fault or missed a goal; the message names them.

    An undecided goal is no reason: the drill has shown nothing against it.
    """
    missed = "; ".join(str(goal) for goal in goals(drill) if goal.outcome == "missed")
    if drill.fault or missed:
        raise TruegrainError(f"the drill {drill.id} was not passed: {'; '.join(filter(None, (drill.fault, missed)))}")


def accuracy(answers: Sequence[Answer]) -> Estimate | None:
    """Estimate the share of right verdicts; None without verdicts."""
    return proportion(_count_right(answers), len(answers)) if answers else None


def lost_points(before: Sequence[Answer], then: Sequence[Answer], *, confidence: float = CONFIDENCE) -> Estimate | None:
    """Return the loss of accuracy from `before` to `then` in percentage points; None if either is empty.

    The interval is that of the difference of two independent shares. Source: Newcombe, 1998, "Interval estimation for
    the difference between independent proportions", method 10.
    """
    if not before or not then:
        return None
    (one, low_one, high_one), (two, low_two, high_two) = (_share(answers, confidence) for answers in (before, then))
    loss = one - two
    low, high = loss - math.hypot(one - low_one, high_two - two), loss + math.hypot(high_one - one, two - low_two)
    return Estimate(100 * loss, 100 * low, 100 * high)


def _share(answers: Sequence[Answer], confidence: float) -> tuple[float, float, float]:
    right = _count_right(answers)
    interval = binomtest(right, len(answers)).proportion_ci(confidence, method="wilson")
    return right / len(answers), float(interval.low), float(interval.high)


def _count_needed(before: Sequence[Answer], then: Sequence[Answer], limit: float) -> int | None:
    """Return how many images in each phase would make the interval of `lost_points` reach the limit no more."""
    loss = lost_points(before, then)
    if loss is None or loss.value == limit:
        return None
    # One verdict of each kind is added: a share of 0 or 1 is not certain.
    shares = [(_count_right(answers) + 1) / (len(answers) + 2) for answers in (before, then)]
    variance = sum(share * (1 - share) for share in shares)
    return math.ceil(variance * (100 * float(norm.ppf((1 + CONFIDENCE) / 2)) / (loss.value - limit)) ** 2)


def _count_right(answers: Sequence[Answer]) -> int:
    return sum(answer.right for answer in answers)


def _exactly(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value, value, value)


def _seconds(drill: Drill) -> float | None:
    swap = drill.step("swap")
    return swap.end - drill.alarm.seconds if drill.alarm and swap else None
