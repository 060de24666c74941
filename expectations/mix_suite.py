"""The rules that hold the mix of a dataset version against the version before it."""

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.policy import WARNING, Policy, telling
from model.dataset.earlier_versions import MIX, mix_changes


def mix_table(accepted: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """Return one row with a column for each part of the mix: how much of it changed, 0 to 1."""
    return pd.DataFrame([{column: round(change, 3) for column, change in mix_changes(accepted, previous).items()}])


def mix_rules(policy: Policy) -> list[Expectation]:
    """Rules for each part of the mix, over the table of `mix_table`."""
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
