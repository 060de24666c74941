"""The page of the rules that data must keep."""

from collections.abc import Iterable

from great_expectations.expectations.expectation import Expectation

from expectations.policy import CRITICAL, Policy
from expectations.suites.manifest import column_rules, dataset_rules, decoding_rules, image_rules
from expectations.suites.predictions import prediction_rules
from expectations.suites.shortcuts_and_mix import group_shortcut_rules, mix_rules, shortcut_rules
from truegrain_docs.markdown import page, table


def rules() -> str:
    """Return each rule for a dataset version and for predictions, with what breaking the rule means."""
    policy = Policy()
    parts = (
        ("The manifest", column_rules()),
        ("Each image", [*decoding_rules(policy), *image_rules(policy)]),
        ("All accepted images together", dataset_rules(policy)),
        ("Shortcuts", [*shortcut_rules(policy), *group_shortcut_rules(policy)]),
        ("The mix, against the version before", mix_rules(policy)),
        ("Predictions", prediction_rules(policy)),
    )
    return page(
        "Rules for data",
        "Great Expectations holds each dataset version, and every hour the newest predictions, against these rules."
        " [What data must be](../train/data-rules.md) explains them.",
        *(f"## {title}\n\n{_table(suite)}" for title, suite in parts),
    )


def _table(suite: Iterable[Expectation]) -> str:
    return table(("rule", "when it is broken"), ((rule.description or "", _consequence(rule)) for rule in suite))


def _consequence(rule: Expectation) -> str:
    if rule.severity != CRITICAL:
        return "warning"
    return "the image is left out" if "reason" in (rule.meta or {}) else "refused"
