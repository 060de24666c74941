"""Decides whether a challenger may replace the champion, with one line for every rule. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from model.evaluation.gate.champion import judge_falls, judge_growth, judge_new, judge_same_images, judge_speed
from model.evaluation.gate.deciding import Deciding
from model.evaluation.gate.floors import judge_alone
from model.evaluation.gate.policy import ASK, Policy
from model.evaluation.gate.proof import Proof, Trial, judge_proofs, tell_more
from model.evaluation.gate.rule import Rule
from model.evaluation.report import Report
from model.record import Record, Sequenced


@dataclass(frozen=True)
class Decision(Record):
    """The outcome: `promote` if every rule passed, `ask` if only images are missing and a person may decide.

    Otherwise the detector is refused. `why` has up to three lines: the outcome, the odds, and how many further test
    images would settle it. `why` is empty in a decision that was written before there were such lines.
    """

    kind: ClassVar = "decision of the gate"
    indent: ClassVar = 2

    promote: bool
    rules: Sequenced[Rule]
    ask: bool = False
    why: Sequenced[str] = ()

    @property
    def reason(self) -> str:
        """One line that names the rules that failed, or says that all passed."""
        failed = [f"{rule.name} ({rule.detail})" for rule in self.rules if not rule.passed]
        outcome = "a person decides" if self.ask else "failed"
        return f"{outcome}: {'; '.join(failed)}" if failed else f"all {len(self.rules)} rules passed"

    @property
    def headline(self) -> str:
        """The outcome in a few words."""
        return "promote" if self.promote else "ask a person" if self.ask else "do not promote"

    def __str__(self) -> str:
        return "\n".join((self.headline, *self.why, *map(str, self.rules)))


def judge(
    challenger: Report,
    champion: Report | None,
    policy: Policy,
    *,
    deciding: Deciding | None = None,
    number: int = 1,
    original: Report | None = None,
) -> Decision:
    """Judge a challenger by its report and the report of the champion, the detector in production; None without one.

    `deciding` are the images that decide, by default all. `number` counts the decisions against this champion from 1:
    each one needs more certainty than the one before. For a challenger that is a smaller variant of a detector,
    `original` is the report of that detector. The variant must be no worse than the original, and faster. All reports
    must be of the same images; their order does not matter.
    infra/docs/decisions/0005-what-a-new-detector-must-prove.md says why the rules are as they are.
    """
    rules, proofs = list(judge_alone(challenger, policy.alone)), list[Proof]()
    if champion is None:
        nothing = "there is no champion yet, nothing to compare with"
        rules.append(Rule("against the champion", None, None, passed=True, detail=nothing))
    else:
        chosen = deciding if deciding is not None else Deciding.all_of(challenger.predictions)
        trial = Trial.against_champion(chosen, number, policy.champion)
        proofs = _compare(challenger, champion, policy, trial, rules)
        rules += judge_growth(challenger, champion, policy.champion)
    if original is not None:
        _compare(challenger, original, policy, Trial.against_original(original, policy.champion), rules)
        rules.append(judge_speed(challenger, original, policy.champion))
    undecided = {proof.rule.name for proof in proofs if proof.undecided}
    failed = [rule.name for rule in rules if not rule.passed]
    ask = policy.champion.too_few == ASK and bool(failed) and undecided.issuperset(failed)
    return Decision(not failed, tuple(rules), ask, tuple(_tell(failed, proofs, number, ask=ask)))


def _compare(ours: Report, theirs: Report, policy: Policy, trial: Trial, rules: list[Rule]) -> list[Proof]:
    """Add the rules of a comparison to `rules`; return those that demand proof."""
    rules.append(judge_new(ours, theirs, trial.who))
    if (different := judge_same_images(ours, theirs, trial.who)) is not None:
        rules.append(different)
        return []
    proofs = list(judge_proofs(ours, theirs, policy.champion, trial))
    rules += [proof.rule for proof in proofs]
    rules += judge_falls(ours, theirs, policy, trial)
    return proofs


def _tell(failed: Sequence[str], proofs: Sequence[Proof], number: int, *, ask: bool) -> list[str]:
    """Tell somebody who knows no statistics why: the outcome, the odds, and what would settle it."""
    undecided = [proof for proof in proofs if proof.undecided]
    if not failed:
        first = "Promoted: every rule passed."
    elif len(undecided) == len(failed):
        first = "The test images are too few to prove that the new detector is no worse than the one in production."
        first += " A person decides." if ask else " Production stays as it is."
    else:
        first = f"Not promoted. It failed: {', '.join(failed)}."
    odds = [f"{proof.about} {proof.odds}" for proof in proofs if proof.odds]
    lines = [first]
    if odds and failed:
        tried = f" This is try {number} against the same detector: the best of several looks better than it is."
        lines.append(f"Odds of a loss beyond the margin: {', '.join(odds)}.{tried if number > 1 else ''}")
    if undecided and len(undecided) == len(failed):
        most = max(undecided, key=lambda proof: (proof.more is None, proof.more or 0))
        lines.append(f"{tell_more(most.more).capitalize()}.")
    elif failed and odds:
        lines.append("More test images alone would not change that.")
    return lines
