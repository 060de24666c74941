"""Decides whether a challenger may replace the champion, with one line for every rule. Pure."""

from dataclasses import dataclass
from typing import ClassVar

from model.evaluation.gate.champion import judge_against, judge_growth, judge_speed
from model.evaluation.gate.floors import judge_alone
from model.evaluation.gate.policy import Policy
from model.evaluation.gate.rule import Rule
from model.evaluation.report import Report
from model.record import Record, Sequenced


@dataclass(frozen=True)
class Decision(Record):
    """`promote` is true when every rule passed."""

    kind: ClassVar = "decision of the gate"
    indent: ClassVar = 2

    promote: bool
    rules: Sequenced[Rule]

    @property
    def reason(self) -> str:
        """One line that names the rules that failed, or says that all passed."""
        failed = [f"{rule.name} ({rule.detail})" for rule in self.rules if not rule.passed]
        return f"failed: {'; '.join(failed)}" if failed else f"all {len(self.rules)} rules passed"

    def __str__(self) -> str:
        return "\n".join(("promote" if self.promote else "do not promote", *map(str, self.rules)))


def judge(challenger: Report, champion: Report | None, policy: Policy, *, original: Report | None = None) -> Decision:
    """Judge a challenger by its report and the report of the champion, the detector in production; None without one.

    For a challenger that is a smaller variant of a detector, `original` is the report of that detector. The variant
    must be no worse than the original, and faster. All reports must be of the same images; their order does not matter.
    infra/docs/decisions/0005-what-a-new-detector-must-prove.md says why the rules are as they are.
    """
    rules = list(judge_alone(challenger, policy.alone))
    if champion is None:
        nothing = "there is no champion yet, nothing to compare with"
        rules.append(Rule("against the champion", None, None, passed=True, detail=nothing))
    else:
        rules += judge_against(challenger, champion, policy.champion)
        rules += judge_growth(challenger, champion, policy.champion)
    if original is not None:
        rules += judge_against(challenger, original, policy.champion, who="original")
        rules.append(judge_speed(challenger, original, policy.champion))
    return Decision(all(rule.passed for rule in rules), tuple(rules))
