"""Decides from drift measurements whether to ask for another training. Pure."""

from collections.abc import Iterator, Sequence
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

    `sustained` results in a row must agree. No training is asked for within `cooldown` after a training on drift, nor
    after `budget` trainings on drift within BUDGET_PERIOD.
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
    history: Sequence[DriftResult], retrainings: Sequence[datetime], policy: RetrainPolicy, *, now: datetime
) -> Judgement:
    """Decide whether to ask for a training.

    `history` holds measurements, oldest first; those older than LOOK_BACK do not count. `retrainings` are the times at
    which trainings on drift began.
    """
    recent = [result for result in history if now - result.measured_at <= LOOK_BACK]
    if not recent:
        return Judgement(ask=False, reason=f"nothing was measured within {_in_words(LOOK_BACK)}")
    latest = recent[-1]
    why_not = _not_sustained(recent, policy) or _held_back(retrainings, policy, now)
    about = f"version {latest.model_version}: {latest.reason}"
    return Judgement(ask=not why_not, reason=f"{why_not}; {about}" if why_not else about)


def _not_sustained(recent: Sequence[DriftResult], policy: RetrainPolicy) -> str:
    """Return why the newest of `recent`, at least one, calls for no training; '' if it calls for one."""
    latest = recent[-1]
    if latest.state != "drifting":
        return f"drift is {latest.state}" if latest.state == "unknown" else "no drift"
    if latest.attribution in BEYOND_TRAINING:
        return f"training cannot mend drift of '{latest.attribution}'"
    row = sum(1 for _ in _agreeing(recent))
    if row < policy.sustained:
        return f"{row} of {policy.sustained} measurements in a row find '{latest.attribution}'"
    return ""


def _agreeing(recent: Sequence[DriftResult]) -> Iterator[DriftResult]:
    """Yield, newest first, the results that agree with the newest, until one about the same version does not."""
    latest = recent[-1]
    for result in reversed(recent):
        if (result.model_version, result.model_sha256) != (latest.model_version, latest.model_sha256):
            continue  # during a change of version, hosts of a fleet may measure different versions
        if (result.state, result.attribution) != (latest.state, latest.attribution):
            return
        yield result


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
