"""The rules for a manifest: what its columns, each image, and all accepted images together must be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column

from model.images import FORMATS
from model.labels import AI, CLASSES
from model.manifest import SCHEMA, SPLITS

CRITICAL = FailureSeverity.CRITICAL
"""Breaking the rule refuses the dataset version."""
REFUSE_ROW = FailureSeverity.WARNING
"""Breaking the rule refuses the row, with the rule's `reason`; the others go on."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How strict the rules are.

    Sides are in pixels; `min_images` is by split and holds for each class in it; `min_class_ratio` is images of the
    rarer class over images of the other; `max_undecodable` is a share of all candidates.
    """

    min_side: int = 16
    max_side: int = 20_000
    min_images: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"train": 10, "val": 5, "test": 5}))
    min_class_ratio: float = 0.5
    max_undecodable: float = 0.05


def column_rules() -> list[Expectation]:
    """Rules without which no other can be asked."""
    return [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=SCHEMA.names, severity=CRITICAL, description="The columns are those of a manifest"
        ),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=1, severity=CRITICAL, description="The source holds at least one image"
        ),
    ]


def image_rules(policy: Policy) -> list[Expectation]:
    """Rules for each candidate, and the share of them that may be broken."""
    return [
        gxe.ExpectColumnValuesToBeNull(
            column="decode_error",
            severity=REFUSE_ROW,
            description="The image can be decoded",
            meta={"reason": "cannot be decoded"},
        ),
        *(_filled(column) for column in _FILLED),
        *(_unique(column) for column in ("sha256", "pixel_hash")),
        _one_of("label", CLASSES),
        _one_of("split", SPLITS),
        _one_of("format", FORMATS),
        *(_side(column, policy) for column in ("width", "height")),
        gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(
            column="decode_error",
            max_value=policy.max_undecodable,
            severity=CRITICAL,
            description=f"At most {policy.max_undecodable:.0%} of the images cannot be decoded",
        ),
    ]


def dataset_rules(policy: Policy) -> list[Expectation]:
    """Rules for the accepted images together, over the columns of `with_derived_columns`."""
    low = policy.min_class_ratio / (1 + policy.min_class_ratio)
    return [
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="label", min_value=len(CLASSES), severity=CRITICAL, description="Both classes are present"
        ),
        *(_enough(label, split, least) for split, least in policy.min_images.items() for label in CLASSES),
        gxe.ExpectColumnMeanToBeBetween(
            column="is_ai",
            min_value=low,
            max_value=1 - low,
            severity=CRITICAL,
            description=f"Class {CLASSES[AI]} is {low:.0%} to {1 - low:.0%} of the images",
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="splits_of_cluster",
            max_value=1,
            severity=CRITICAL,
            description="No group of near-duplicates spans two splits",
        ),
    ]


def with_derived_columns(accepted: pd.DataFrame) -> pd.DataFrame:
    """Add what `dataset_rules` look at: `is_ai` (0 or 1) and in how many splits the row's cluster stands."""
    return accepted.assign(
        is_ai=(accepted["label"] == CLASSES[AI]).astype(int),
        splits_of_cluster=accepted.groupby("cluster")["split"].transform("nunique"),
    )


def _filled(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column,
        row_condition=_DECODABLE,
        severity=REFUSE_ROW,
        description=f"{column} is known",
        meta={"reason": f"{column} is missing"},
    )


def _unique(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeUnique(
        column=column,
        row_condition=_DECODABLE,
        severity=REFUSE_ROW,
        description=f"{column} stands once",
        meta={"reason": f"{column} stands more than once"},
    )


def _one_of(column: str, allowed: tuple[str, ...]) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(
        column=column,
        value_set=list(allowed),
        row_condition=_DECODABLE,
        severity=REFUSE_ROW,
        description=f"{column} is one of {', '.join(allowed)}",
        meta={"reason": f"{column} is none of {', '.join(allowed)}"},
    )


def _side(column: str, policy: Policy) -> Expectation:
    limits = f"{policy.min_side} to {policy.max_side:,} pixels"
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=policy.min_side,
        max_value=policy.max_side,
        row_condition=_DECODABLE,
        severity=REFUSE_ROW,
        description=f"{column} is {limits}",
        meta={"reason": f"{column} is not {limits}"},
    )


def _enough(label: str, split: str, least: int) -> Expectation:
    return gxe.ExpectColumnUniqueValueCountToBeBetween(
        column="sha256",
        min_value=least,
        row_condition=(Column("label") == label) & (Column("split") == split),
        severity=CRITICAL,
        description=f"{split} holds at least {least} images of class {label}",
    )


_FILLED = ("sha256", "pixel_hash", "cluster", "label", "split", "width", "height", "format")
# An image that cannot be decoded has no width, format or pixels; asking for them would only bury its reason.
_DECODABLE = Column("decode_error").is_null()
