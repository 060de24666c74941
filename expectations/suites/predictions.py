"""Lists the rules for predictions: for each row of the prediction log, and for all rows together."""

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.policy import CRITICAL, WARNING, Policy, telling
from model.detectors.decision import UNSURE
from model.images.formats import FORMATS
from model.labels import AI, CLASSES

CLOCK_SECONDS = 60
"""How many seconds the clock of the service's host may be ahead of this machine's clock."""

_FILLED = ("id", "at", "model_version", "image_sha256", "label", "probability", "decision", "width", "height", "format")


def prediction_rules(policy: Policy) -> list[Expectation]:
    """Return the rules on the columns of `with_derived_columns`."""
    return [
        *(_filled(column) for column in _FILLED),
        gxe.ExpectColumnValuesToBeUnique(
            column="id", severity=CRITICAL, description="id is unique", meta=_whose("id is not unique")
        ),
        _between("probability", 0, 1, "probability is 0 to 1", broken="probability is not 0 to 1"),
        _one_of("label", CLASSES),
        _one_of("decision", (*CLASSES, UNSURE)),
        _one_of("format", FORMATS),
        *(
            _between(side, 1, None, f"{side} is at least 1 pixel", broken=f"{side} is less than 1 pixel")
            for side in ("width", "height")
        ),
        _between("bytes", 1, None, "bytes is at least 1", broken="bytes is less than 1"),
        _between(
            "seconds_ahead",
            None,
            CLOCK_SECONDS,
            f"No time is more than {CLOCK_SECONDS} s ahead of this machine's clock",
            broken=f"time is more than {CLOCK_SECONDS} s ahead of this machine's clock",
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="model_version",
            regex="^[0-9]+$",
            severity=CRITICAL,
            description="model_version is a version number of the registry",
            meta=_whose("model_version is not a version number of the registry"),
        ),
        gxe.ExpectColumnSumToBeBetween(
            column="is_contradictory",
            max_value=0,
            severity=CRITICAL,
            description="Every decision agrees with its label",
            meta=_whose("decision differs from their label"),
        ),
        _at_most("is_unlikely", policy.usual_unlikely, "of the decisions are for the less likely class"),
        _at_most("is_unsure", policy.usual_unsure, "of the decisions are 'unsure'"),
        _at_most("lacks_facts", policy.usual_undescribed, "of the predictions have no facts about their file"),
    ]


def with_derived_columns(rows: pd.DataFrame, *, now: pd.Timestamp) -> pd.DataFrame:
    """Add the columns that `prediction_rules` check: seconds ahead of `now` (UTC), and properties as 0 or 1."""
    likely = (rows["probability"] >= 0.5).map({True: CLASSES[AI], False: CLASSES[1 - AI]})
    decided = rows["decision"].isin(CLASSES)
    return rows.assign(
        seconds_ahead=(rows["at"] - now).dt.total_seconds(),
        is_contradictory=(decided & (rows["decision"] != rows["label"])).astype(int),
        is_unlikely=(decided & (rows["decision"] != likely)).astype(int),
        is_unsure=(rows["decision"] == UNSURE).astype(int),
        lacks_facts=rows["bytes"].isna().astype(int),
    )


def _filled(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column, severity=CRITICAL, description=f"{column} is known", meta=_whose(f"{column} is missing")
    )


def _one_of(column: str, allowed: tuple[str, ...]) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(
        column=column,
        value_set=list(allowed),
        severity=CRITICAL,
        description=f"{column} is one of {', '.join(allowed)}",
        meta=_whose(f"{column} is none of {', '.join(allowed)}"),
    )


def _between(column: str, low: float | None, high: float | None, description: str, *, broken: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=low,
        max_value=high,
        severity=CRITICAL,
        description=description,
        meta=_whose(broken),
    )


def _at_most(column: str, share: float, what: str) -> Expectation:
    return gxe.ExpectColumnMeanToBeBetween(
        column=column,
        max_value=share,
        severity=WARNING,
        description=f"At most {share:.0%} {what}",
        meta=telling(f"{{observed:.1%}} {what}, more than {share:.0%}"),
    )


def _whose(broken: str) -> dict[str, str]:
    return telling(f"Predictions whose {broken}: {{observed}}")
