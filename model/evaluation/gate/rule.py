"""One rule of a decision of the gate, and how its numbers are written."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from model.estimate import Estimate


@dataclass(frozen=True)
class Rule:
    """One rule of the gate as it was applied."""

    name: Annotated[str, Field(description="The rule")]
    value: Annotated[float | None, Field(description="The measured value; null: the report holds no such value")]
    limit: Annotated[float | None, Field(description="The limit; null: the rule has none")]
    passed: Annotated[bool, Field(description="Whether the rule passed")]
    detail: Annotated[str, Field(description="Why the rule passed or failed, in words")]

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}  {self.name}: {self.detail}"


def missing(name: str, limit: float | None, what: str) -> Rule:
    """Return a failed rule: the report holds no `what`, and a missing measurement fails its rule."""
    return Rule(name, None, limit, passed=False, detail=f"the report holds no {what}, so the rule could not be judged")


def percent(share: float) -> str:
    """Write a share of 1, as in '97.25 %'."""
    return f"{100 * share:.2f} %"


def points(difference: float) -> str:
    """Write the difference of two shares in percentage points, as in '-0.40'."""
    return f"{100 * difference:+.2f}"


def interval(estimate: Estimate) -> str:
    """Write an estimated share with its interval."""
    return f"{percent(estimate.value)} (95 % interval {100 * estimate.low:.2f} to {100 * estimate.high:.2f})"
