"""Decides from drift measurements whether to ask for another training. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from model.monitoring.drift_history import DriftResult
from model.monitoring.terms import Attribution
from model.settings import Settings

BUDGET_PERIOD: Final = timedelta(days=30)

LOOK_BACK: Final = timedelta(days=1)
"""Greatest age of a measurement that is judged: traffic that ended a day ago calls for no training."""

BEYOND_TRAINING: Final[frozenset[Attribution]] = frozenset({"balance"})
"""Drift that no training mends: the clients decide how many of their images are AI."""


@dataclass(frozen=True, kw_only=True)
class RetrainPolicy:
    """How much drift it takes to ask for a training, and how often a training may be asked for.

    `sustained` results in a row must agree, as `DriftResult.following` counts them. No training is asked for within
    `cooldown` after a training on drift, nor after `budget` trainings on drift within BUDGET_PERIOD.
    """

    sustained: int
    cooldown: timedelta
    budget: int

    @classmethod
    def of(cls, settings: Settings) -> "RetrainPolicy":
        """Read the policy from the settings."""
        return cls(
            sustained=settings.drift_sustained,
            cooldown=timedelta(hours=settings.retrain_cooldown_hours),
            budget=settings.retrain_budget,
        )


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a training is asked for, and why or why not."""

    ask: bool
    reason: str


def judge(
    latest: DriftResult | None, retrainings: Sequence[datetime], policy: RetrainPolicy, *, now: datetime
) -> Judgement:
    """Decide whether to ask for a training.

    `latest` is the newest measurement; one older than LOOK_BACK does not count. `retrainings` are the times at which
    trainings on drift began.
    """
    if latest is None or now - latest.measured_at > LOOK_BACK:
        return Judgement(ask=False, reason=f"nothing was measured within {_in_words(LOOK_BACK)}")
    why_not = _not_sustained(latest, policy) or _held_back(retrainings, policy, now)
    about = f"version {latest.model_version}: {latest.reason}"
    return Judgement(ask=not why_not, reason=f"{why_not}; {about}" if why_not else about)


def _not_sustained(latest: DriftResult, policy: RetrainPolicy) -> str:
    """Return why a measurement calls for no training; '' if it calls for one."""
    if latest.state != "drifting":
        return f"drift is {latest.state}" if latest.state == "unknown" else "no drift"
    if latest.attribution in BEYOND_TRAINING:
        return f"training cannot mend drift of '{latest.attribution}'"
    if latest.in_a_row < policy.sustained:
        row = f"{latest.in_a_row} of {policy.sustained} measurements in a row find '{latest.attribution}'"
        return f"{row}, each with at least half of its predictions new"
    return ""


def _held_back(retrainings: Sequence[datetime], policy: RetrainPolicy, now: datetime) -> str:
    """Return why no training on drift may begin now; '' if one may."""
    counted = sorted(at for at in retrainings if now - at < BUDGET_PERIOD)
    if len(counted) >= policy.budget:
        of_them = f"{len(counted)} of {policy.budget} trainings on drift within {_in_words(BUDGET_PERIOD)}"
        return f"the budget is spent: {of_them}"
    if counted and now < (again := counted[-1] + policy.cooldown):
        return (
            f"the last training on drift began at {counted[-1]:%Y-%m-%d %H:%M}, the next may at {again:%Y-%m-%d %H:%M}"
        )
    return ""


def _in_words(period: timedelta) -> str:
    return f"{period.days} days" if period.days != 1 else "a day"
