"""Lists the rules for a whole version: no fact besides the picture tells the label; the mix hardly changes."""

from typing import Final

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.policy import CRITICAL, WARNING, Policy, telling
from model.dataset.earlier_versions import MIX, mix_changes
from model.dataset.manifest import split_rows
from model.dataset.shortcuts import FACTS, find_joint_shortcut, find_shortcuts, find_shortcuts_in_groups

_TOGETHER: Final = "all facts together"
_IN_A_GROUP: Final = "shortcut"


def shortcut_table(accepted: pd.DataFrame) -> pd.DataFrame:
    """Return one row with a column for each fact: the AUC with which the fact tells the label of the training images.

    A further column is about all facts together. The value is the lower end of the AUC's 95 % interval, so that a small
    dataset does not fail by chance.
    """
    train = split_rows(accepted, "train")
    found = find_shortcuts(train) | {_TOGETHER: find_joint_shortcut(train)}
    return pd.DataFrame([{fact: round(shortcut.low, 3) for fact, shortcut in found.items()}])


def shortcut_rules(policy: Policy) -> list[Expectation]:
    """Return the rules for each fact, on the table of `shortcut_table`."""
    alone = [
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
    limit = policy.usual_auc
    together = gxe.ExpectColumnMaxToBeBetween(
        column=_TOGETHER,
        max_value=limit,
        severity=WARNING,
        description=f"All facts together tell AI from real with an AUC of at most {limit:g}",
        meta=telling(f"all facts together tell AI from real with an AUC of {{observed:g}}, more than {limit:g}"),
    )
    return [*alone, together]


def group_shortcut_table(accepted: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Return a row for each fact of each source and collection, on training images, and of the test images.

    The column `shortcut` names the fact, the group and the lower bound of the AUC. It is null for a fact that tells no
    more of the label than usual.
    """
    train = split_rows(accepted, "train")
    groups = {f"source '{source}'": rows for source, rows in train.groupby("source") if len(rows) < len(train)}
    groups |= {f"collection '{collection}'": rows for collection, rows in train.groupby("collection")}
    found = find_shortcuts_in_groups(groups | {"the test images": split_rows(accepted, "test")})
    named = [
        f"{fact} in {group} ({shortcut.low:.3f})" if shortcut.low > policy.usual_auc else None
        for (group, fact), shortcut in found.items()
    ]
    return pd.DataFrame({_IN_A_GROUP: pd.Series(named, dtype="object")})


def group_shortcut_rules(policy: Policy) -> list[Expectation]:
    """Return the rule for the table of `group_shortcut_table`."""
    return [
        gxe.ExpectColumnValuesToBeNull(
            column=_IN_A_GROUP,
            severity=WARNING,
            description=(
                "Within each source and collection, and the test images, each fact alone tells AI from real"
                f" with an AUC of at most {policy.usual_auc:g}"
            ),
            meta=telling("{observed} times a fact alone tells AI from real in one group of images: {examples}"),
        )
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
