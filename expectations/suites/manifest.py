"""Lists the rules for a manifest: its columns, each image, and all accepted images together."""

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column, ComparisonCondition

from expectations.policy import CRITICAL, WARNING, Policy, refusing, telling
from model.dataset.manifest import SCHEMA, SPLITS
from model.dataset.membership import among
from model.images.formats import FORMATS, SUFFIXES
from model.labels import AI, CLASSES, REAL
from model.sources.reports import SOURCE as REPORTS

MODES = ("RGB", "L", "RGBA", "LA", "P", "PA", "1")
"""Pillow's modes that can be converted to RGB without a guess.

CMYK needs a printer's profile, and deep samples (I;16, I, F) need a range to define white. A file names neither, so
training would use a guess."""

_PLAIN = ("RGB", "L")


def column_rules() -> list[Expectation]:
    """Return the rules that must hold before other rules can be checked."""
    return [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=SCHEMA.names,
            severity=CRITICAL,
            description="The columns are those of a manifest",
            meta=telling("The columns are not those of a manifest but {observed}"),
        ),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=1,
            severity=CRITICAL,
            description="The source holds at least one image",
            meta=telling("The source holds no image"),
        ),
    ]


def decoding_rules(policy: Policy) -> list[Expectation]:
    """Return the rules for the column `decode_error` of the candidates."""
    return [
        gxe.ExpectColumnValuesToBeNull(
            column="decode_error",
            severity=CRITICAL,
            description="The image can be decoded",
            meta=refusing("cannot be decoded"),
        ),
        gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(
            column="decode_error",
            max_value=policy.max_undecodable,
            severity=CRITICAL,
            description=f"At most {policy.max_undecodable:.0%} of the images cannot be decoded",
            meta=telling(f"{{observed:.1%}} of the images cannot be decoded, more than {policy.max_undecodable:.0%}"),
        ),
    ]


def image_rules(policy: Policy) -> list[Expectation]:
    """Return the rules for each candidate that can be decoded, on the columns RULED."""
    return [
        *(_filled(column) for column in _FILLED),
        *(_unique(column) for column in ("sha256", "pixel_hash")),
        _one_of("label", CLASSES),
        _one_of("split", SPLITS),
        _one_of("format", FORMATS),
        _one_of("mode", MODES),
        gxe.ExpectColumnValuesToBeNull(
            column="generator",
            row_condition=Column("label") == CLASSES[REAL],
            severity=CRITICAL,
            description="No real image names a generator",
            meta=refusing("labelled real, but names a generator"),
        ),
        *(_side(column, policy) for column in ("width", "height")),
    ]


def dataset_rules(policy: Policy) -> list[Expectation]:
    """Return the rules for all accepted images together, on the columns of `derived_columns`."""
    return [
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="label",
            min_value=len(CLASSES),
            severity=CRITICAL,
            description="Both classes are present",
            meta=telling(f"Only {{observed}} of the {len(CLASSES)} classes is present"),
        ),
        *(_enough(label, split, least) for split, least in policy.min_images.items() for label in CLASSES),
        _balanced(policy, where="the images"),
        _balanced(policy, where="the images in train", condition=Column("split") == "train"),
        gxe.ExpectColumnMaxToBeBetween(
            column="splits_of_cluster",
            max_value=1,
            severity=CRITICAL,
            description="No group of near-duplicates spans two splits",
            meta=telling("A group of near-duplicates spans {observed} splits"),
        ),
        _none(
            "trained_after_test",
            "No image to train on was in the test split of an earlier version",
            CRITICAL,
            found="Images to train on that were in the test split of an earlier version",
        ),
        _none(
            "reported_and_held_out",
            "No image that users reported is in val or test",
            CRITICAL,
            found="Images that users reported, in val or test",
        ),
        _none(
            "is_disputed",
            "No group of near-duplicates holds both classes",
            WARNING,
            found="Images in groups of near-duplicates that hold both classes",
        ),
        _none(
            "is_misnamed",
            "Every file has the extension of its format",
            WARNING,
            found="Files with the extension of another format",
        ),
        _none(
            "is_animated",
            "No image is animated; only the first frame of an animation is used",
            WARNING,
            found="Animations, whose first frame alone is used",
        ),
        gxe.ExpectColumnMeanToBeBetween(
            column="is_unplain",
            max_value=policy.usual_unplain,
            severity=WARNING,
            description=f"At most {policy.usual_unplain:.0%} of the images have transparency or a palette",
            meta=telling(
                f"{{observed:.1%}} of the images have transparency or a palette, more than {policy.usual_unplain:.0%}"
            ),
        ),
    ]


def derived_columns(accepted: pd.DataFrame, *, tested: frozenset[str]) -> pd.DataFrame:
    """Return the columns that `dataset_rules` check: in how many splits a row's cluster is, and properties as 0 or 1.

    `tested` are the pixel hashes and the clusters of earlier test splits.
    """
    suffixes = accepted["origin"].str.extract(r"(\.\w+)$", expand=False).str.lower()
    by_name = suffixes.map(SUFFIXES)
    known = among(accepted["pixel_hash"], tested) | among(accepted["cluster"], tested)
    clusters = accepted.groupby("cluster")
    return accepted[["sha256", "label", "split"]].assign(
        splits_of_cluster=clusters["split"].transform("nunique"),
        is_ai=(accepted["label"] == CLASSES[AI]).astype(int),
        trained_after_test=((accepted["split"] == "train") & known).astype(int),
        reported_and_held_out=((accepted["source"] == REPORTS) & (accepted["split"] != "train")).astype(int),
        is_disputed=(clusters["label"].transform("nunique") > 1).astype(int),
        is_misnamed=(by_name.notna() & (by_name != accepted["format"])).astype(int),
        is_animated=accepted["animated"].astype(int),
        is_unplain=(~accepted["mode"].isin(_PLAIN)).astype(int),
    )


def _filled(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(
        column=column,
        severity=CRITICAL,
        description=f"{column} is known",
        meta=refusing(f"{column} is missing"),
    )


def _unique(column: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeUnique(
        column=column,
        severity=CRITICAL,
        description=f"{column} is unique",
        meta=refusing(f"{column} is not unique"),
    )


def _one_of(column: str, allowed: tuple[str, ...]) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(
        column=column,
        value_set=list(allowed),
        severity=CRITICAL,
        description=f"{column} is one of {', '.join(allowed)}",
        meta=refusing(f"{column} is none of {', '.join(allowed)}"),
    )


def _side(column: str, policy: Policy) -> Expectation:
    limits = f"{policy.min_side} to {policy.max_side:,} pixels"
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=policy.min_side,
        max_value=policy.max_side,
        severity=CRITICAL,
        description=f"{column} is {limits}",
        meta=refusing(f"{column} is not {limits}"),
    )


def _balanced(policy: Policy, *, where: str, condition: ComparisonCondition | None = None) -> Expectation:
    low = policy.min_class_ratio / (1 + policy.min_class_ratio)
    allowed = f"{low:.0%} to {1 - low:.0%}"
    return gxe.ExpectColumnMeanToBeBetween(
        column="is_ai",
        min_value=low,
        max_value=1 - low,
        row_condition=condition,
        severity=CRITICAL,
        description=f"Class {CLASSES[AI]} is {allowed} of {where}",
        meta=telling(f"Class {CLASSES[AI]} is {{observed:.1%}} of {where}, not {allowed}"),
    )


def _none(column: str, description: str, severity: FailureSeverity, *, found: str) -> Expectation:
    """Return a rule that a column of 0 and 1 has no 1; the message is `found` with the number of ones."""
    return gxe.ExpectColumnSumToBeBetween(
        column=column,
        max_value=0,
        severity=severity,
        description=description,
        meta=telling(f"{found}: {{observed}}"),
    )


def _enough(label: str, split: str, least: int) -> Expectation:
    return gxe.ExpectColumnUniqueValueCountToBeBetween(
        column="sha256",
        min_value=least,
        row_condition=(Column("label") == label) & (Column("split") == split),
        severity=CRITICAL,
        description=f"{split} holds at least {least} images of class {label}",
        meta=telling(f"{split} holds only {{observed}} images of class {label}, not {least}"),
    )


_FILLED = (
    "sha256", "pixel_hash", "phash", "cluster", "label", "split", "source", "origin", "width", "height", "format",
    "mode", "has_icc", "has_exif", "animated", "brightness", "border",
)  # fmt: skip
RULED = [*_FILLED, "generator"]
"""The columns of the rules for an image. Great Expectations copies the whole table for many rules."""
