"""Gate: may the challenger replace the champion? A pure decision with a line for every rule."""

from dataclasses import dataclass

from model.report import Report


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is asked of every challenger, as shares of 1."""

    min_accuracy: float = 0.85
    min_f1: float = 0.80


@dataclass(frozen=True)
class Rule:
    """One rule as it was applied; `limit` is None where there was nothing to compare with."""

    name: str
    value: float
    limit: float | None
    passed: bool
    detail: str


@dataclass(frozen=True)
class Decision:
    """`promote` is true when every rule passed."""

    promote: bool
    rules: tuple[Rule, ...]

    def __str__(self) -> str:
        lines = (f"{'passed' if rule.passed else 'FAILED'}  {rule.name}: {rule.detail}" for rule in self.rules)
        return "\n".join(("promote" if self.promote else "do not promote", *lines))


def decide(challenger: Report, champion: Report | None, policy: Policy = Policy()) -> Decision:
    """Judge a challenger by its report and, when there is a champion, by the champion's report on the same images."""
    rules = (
        _at_least("accuracy", challenger, policy.min_accuracy),
        _at_least("f1", challenger, policy.min_f1),
        _not_worse(challenger, champion),
    )
    return Decision(all(rule.passed for rule in rules), rules)


def _at_least(metric: str, challenger: Report, limit: float) -> Rule:
    estimate = challenger.overall[metric]
    passed = estimate.value >= limit
    interval = f"{estimate.value:.4f} (95 % interval {estimate.low:.4f} to {estimate.high:.4f})"
    return Rule(metric, estimate.value, limit, passed, f"{interval}, at least {limit} is required")


def _not_worse(challenger: Report, champion: Report | None) -> Rule:
    """Compare accuracy on the images both reports hold; a tie passes.

    Fails when they share none: a comparison that was due but could not be made must not promote anything.
    """
    name = "not worse than champion"
    if champion is None:
        return Rule(name, challenger.overall["accuracy"].value, None, passed=True, detail="there is no champion yet")
    ours, theirs = challenger.correct, champion.correct
    shared = ours.keys() & theirs.keys()
    if not shared:
        return Rule(name, 0.0, None, passed=False, detail="the two reports share no image, so nothing can be compared")
    won, held = (sum(correct[sha256] for sha256 in shared) for correct in (ours, theirs))
    detail = f"{won} of {len(shared)} shared images right, the champion {held}"
    return Rule(name, won / len(shared), held / len(shared), won >= held, detail)
