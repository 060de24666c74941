"""Validates a dataset version: refuses single rows or the whole version, and says why. Fails closed."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import great_expectations as gx
import pandas as pd
import pyarrow as pa

from expectations.docs import write_docs
from expectations.policy import Policy
from expectations.runner import Examination, Finding, as_record, examine, list_findings
from expectations.suites.manifest import (
    RULED,
    column_rules,
    dataset_rules,
    decoding_rules,
    derived_columns,
    image_rules,
)
from expectations.suites.shortcuts_and_mix import (
    group_shortcut_rules,
    group_shortcut_table,
    mix_rules,
    mix_table,
    shortcut_rules,
    shortcut_table,
)
from model.dataset.earlier_versions import MIX, images_ever_tested
from model.dataset.lake import Lake
from model.dataset.manifest import SCHEMA, read_candidates, read_manifest, write_rows
from model.dataset.summary import read_warnings
from model.dataset.validation import FILE, Validation, write_validation
from model.errors import ValidationFailed
from model.files import remove, write_table

QUARANTINE_SCHEMA = pa.schema(
    [field.with_nullable(nullable=True) for field in SCHEMA] + [pa.field("reason", pa.string())]
)
"""The columns of quarantine/<version>/rows.parquet: those of a manifest (all may be empty), and the `reason`."""

_log = logging.getLogger("truegrain.expectations")


@dataclass(frozen=True)
class Past:
    """The earlier versions that a version is compared with.

    `previous` are the columns MIX of the latest published version, or None without one. `tested` are the pixel hashes
    and clusters of all earlier test splits.
    """

    previous: pd.DataFrame | None
    tested: frozenset[str]


def validate(lake: Lake, version: str, *, policy: Policy | None = None) -> Validation:
    """Validate the candidates of a staged version and write the outcome into the lake.

    These files are written, the last one at the end:

    - quarantine/<version>/rows.parquet: the refused rows, each with its `reason`.
    - datasets/<version>/docs/index.html: every rule with its result.
    - datasets/<version>/manifest.parquet: the accepted rows, if the version may be trained on.
    - datasets/<version>/validation.json: the outcome.

    A published version never changes, so its recorded outcome is returned.

    Raises ValidationFailed, after writing, if the version may not be trained on. The batches that no published version
    uses are then set aside, so that one bad batch does not spoil later versions. Any other error leaves no
    validation.json, and a version without that file is never trained on.
    """
    folder = lake.version_path(version)
    if version in lake.versions():
        return Validation.from_json((folder / FILE).read_bytes())
    validation, message = _judge(lake, version, policy or Policy())
    if not validation.success:
        raise ValidationFailed(f"{message} See {folder / 'docs' / 'index.html'}; fix the source and ingest again.")
    _log.log(logging.WARNING if validation.warnings else logging.INFO, message)
    return validation


def _judge(lake: Lake, version: str, policy: Policy) -> tuple[Validation, str]:
    """Check a version against all rules and write the outcome; returns the outcome, and a message about it."""
    folder = lake.version_path(version)
    remove(folder / FILE)
    candidates = read_candidates(lake, version).reset_index(drop=True)
    latest = lake.latest()
    previous = read_manifest(lake, latest, columns=MIX) if latest else None
    past = Past(previous, images_ever_tested(lake))
    examinations, reasons = _examine(version, candidates, past, policy)
    findings = tuple(finding for examination in examinations for finding in examination.findings)
    warned = read_warnings(lake, version)
    validation = _conclude(version, candidates, findings, reasons, warned)
    message = _explain(validation)
    _write_quarantine(lake, version, candidates, reasons)
    write_docs(
        folder / "docs",
        examinations,
        title=f"Dataset version {version}",
        verdict=message,
        success=validation.success,
        version_page=True,
    )
    if validation.success:
        write_rows(lake, version, candidates.drop(index=reasons.index), name="manifest")
    write_validation(lake, validation)
    if validation.success:
        lake.readmit(set(candidates["batch"]))
    else:
        lake.set_aside(_new_batches(lake, candidates), reason=message)
    return validation, message


def _new_batches(lake: Lake, candidates: pd.DataFrame) -> set[str]:
    """Return the batches of the candidates that no published version has images of."""
    batches = (read_manifest(lake, version, columns=["batch"])["batch"].unique() for version in lake.versions())
    return set(candidates["batch"]).difference(*batches)


def _examine(
    version: str, candidates: pd.DataFrame, past: Past, policy: Policy
) -> tuple[list[Examination], "pd.Series[str]"]:
    """Check all rules that can be checked; returns their findings, and the reason of each refused row by its index."""
    columns = examine("columns", candidates, column_rules(), run=version)
    if not columns.success:
        return [columns], pd.Series(dtype="str")
    images = _examine_images(version, candidates, policy)
    reasons = _reasons(images.findings)
    if not images.asked:
        return [columns, images], reasons
    accepted = candidates.drop(index=reasons.index)
    examinations = [
        columns,
        images,
        examine("dataset", derived_columns(accepted, tested=past.tested), dataset_rules(policy), run=version),
        examine("shortcuts", shortcut_table(accepted), shortcut_rules(policy), run=version),
        examine("groups", group_shortcut_table(accepted, policy), group_shortcut_rules(policy), run=version),
    ]
    if past.previous is not None:
        table = mix_table(accepted, past.previous)
        examinations.append(examine("mix", table, mix_rules(policy), run=version))
    return examinations, reasons


def _examine_images(version: str, candidates: pd.DataFrame, policy: Policy) -> Examination:
    """Check the rules for each candidate.

    An image that cannot be decoded has no width, format or pixels; further rules would only hide the reason.
    """
    decoding = examine("images", candidates[["decode_error"]], decoding_rules(policy), run=version)
    decodable = candidates.loc[candidates["decode_error"].isna(), RULED]
    images = examine("images", decodable, image_rules(policy), run=version)
    return Examination("images", decoding.findings + images.findings)


def _reasons(findings: Iterable[Finding]) -> "pd.Series[str]":
    reasons: defaultdict[int, list[str]] = defaultdict(list)
    for finding in findings:
        for row in finding.rows:
            reasons[row].append(finding.reason)
    return pd.Series({row: "; ".join(sorted(reasons[row])) for row in sorted(reasons)}, dtype="str")


def _conclude(
    version: str,
    candidates: pd.DataFrame,
    findings: Sequence[Finding],
    reasons: "pd.Series[str]",
    warned: Sequence[str],
) -> Validation:
    """Decide whether the version passes. A rule that could not be checked counts as broken, whatever its severity.

    `warned` are the warnings of the sources, which refuse nothing.
    """
    failed = tuple(finding.found for finding in findings if finding.refuses_table)
    return Validation(
        version=version,
        success=not failed,
        accepted=len(candidates) - len(reasons),
        refused=len(reasons),
        failed=failed,
        warnings=(*(finding.found for finding in findings if finding.warns), *warned),
        refused_by_reason={str(reason): int(rows) for reason, rows in reasons.value_counts().items()},
        great_expectations=gx.__version__,
        results=tuple(as_record(finding) for finding in findings),
    )


def _explain(validation: Validation) -> str:
    counts = f"{validation.accepted} images accepted, {validation.refused} refused."
    if validation.success:
        warnings = list_findings("Warnings", validation.warnings)
        return f"Dataset version {validation.version} may be trained on: {counts}{warnings}"
    broken = list_findings("Found", validation.failed)
    return f"Dataset version {validation.version} may not be trained on.{broken} {counts}"


def _write_quarantine(lake: Lake, version: str, candidates: pd.DataFrame, reasons: "pd.Series[str]") -> None:
    if reasons.empty:
        return
    refused = candidates.loc[reasons.index].assign(reason=reasons)
    table = pa.Table.from_pandas(refused, schema=QUARANTINE_SCHEMA, preserve_index=False)
    write_table(lake.quarantine_path(version) / "rows.parquet", table)
