"""Lists the rules for a whole version: no fact besides the picture tells the label; the mix hardly changes."""

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.policy import CRITICAL, WARNING, Policy, telling
from model.dataset.earlier_versions import MIX, mix_changes
from model.dataset.manifest import split_rows
from model.dataset.shortcuts import FACTS, find_shortcuts


def shortcut_table(accepted: pd.DataFrame) -> pd.DataFrame:
    """Return one row with a column for each fact: the AUC with which the fact tells the label of the training images.

    The value is the lower end of the AUC's 95 % interval, so that a small dataset does not fail by chance.
    """
    found = find_shortcuts(split_rows(accepted, "train"))
    return pd.DataFrame([{fact: round(shortcut.low, 3) for fact, shortcut in found.items()}])


def shortcut_rules(policy: Policy) -> list[Expectation]:
    """Return the rules for each fact, on the table of `shortcut_table`."""
    return [
        gxe.ExpectColumnMaxToBeBetween(
            column=fact,
            max_value=limit,
            severity=severity,
            description=f"{fact} alone tells AI from real with an AUC of at most {limit:g}",
            meta=telling(f"{fact} alone tells AI from real with an AUC of {{observed:g}}, more than {limit:g}"),
        )
        for fact in FACTS
        for limit, severity in ((policy.max_auc, CRITICAL), (policy.usual_auc, WARNING))
    ]


def mix_table(accepted: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """Return one row with a column for each part of the mix: the share that changed, 0 to 1."""
    return pd.DataFrame([{column: round(change, 3) for column, change in mix_changes(accepted, previous).items()}])


def mix_rules(policy: Policy) -> list[Expectation]:
    """Return the rules for each part of the mix, on the table of `mix_table`."""
    return [
        gxe.ExpectColumnMaxToBeBetween(
            column=column,
            max_value=policy.usual_change,
            severity=WARNING,
            description=f"At most {policy.usual_change:.0%} of the mix by {column} changed since the previous version",
            meta=telling(
                f"{{observed:.1%}} of the mix by {column} changed since the previous version,"
                f" more than {policy.usual_change:.0%}"
            ),
        )
        for column in MIX
    ]
