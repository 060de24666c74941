"""Validates the newest predictions. If they break a rule, no training is asked for because of them."""

import json
from collections.abc import Iterable
from datetime import datetime

import great_expectations as gx
import pandas as pd
from sqlalchemy import Engine, select

from expectations.docs import write_docs
from expectations.policy import Policy
from expectations.runner import Finding, as_record, examine, list_findings
from expectations.suites.predictions import prediction_rules, with_derived_columns
from model.dataset.lake import Lake
from model.errors import ValidationFailed
from model.files import write_text
from model.monitoring.predictions import PREDICTIONS, prepare

FOLDER = "monitoring"
"""Folder of the lake with the last validation of each day, and the last failed validation of each day."""

_UNREAD = "embedding"


def validate(engine: Engine, lake: Lake, *, most: int, now: datetime, policy: Policy | None = None) -> str:
    """Check the newest `most` predictions against the rules, and return the outcome in words.

    Writes docs/index.html and validation.json into monitoring/<day>/ of the lake, or into monitoring/<day>-broken/ if a
    rule is broken. `now` is a time in UTC. Raises ValidationFailed, after writing, if a rule is broken.
    """
    rows = _read(engine, most)
    if rows.empty:
        return "There are no predictions yet."
    table = with_derived_columns(rows, now=pd.Timestamp(now))
    examination = examine(
        "predictions", table, prediction_rules(policy or Policy()), run=now.isoformat(timespec="minutes")
    )
    broken = [finding for finding in examination.findings if _breaks(finding)]
    message = _explain(len(rows), broken, (finding for finding in examination.findings if finding.warns))
    folder = lake.root / FOLDER / (f"{now:%Y-%m-%d}-broken" if broken else f"{now:%Y-%m-%d}")
    title = f"Predictions, {now:%Y-%m-%d %H:%M} UTC"
    write_docs(folder / "docs", [examination], title=title, verdict=message, success=not broken)
    write_text(folder / "validation.json", json.dumps(_report(rows, examination.findings, now), indent=1))
    if broken:
        raise ValidationFailed(f"{message} See {folder / 'docs' / 'index.html'}.")
    return message


def _read(engine: Engine, most: int) -> pd.DataFrame:
    """Return the newest predictions of all detector versions, without their embeddings."""
    prepare(engine)
    columns = [column for column in PREDICTIONS.columns if column.name != _UNREAD]
    newest = select(*columns).order_by(PREDICTIONS.c.at.desc(), PREDICTIONS.c.id).limit(most)
    with engine.connect() as connection:
        rows = pd.read_sql_query(newest, connection)
    return rows.assign(at=pd.to_datetime(rows["at"], utc=True))


def _breaks(finding: Finding) -> bool:
    """Tell whether a finding is more than a warning. Broken rows count, too: single predictions cannot be refused."""
    return not finding.success and not finding.warns


def _explain(rows: int, broken: Iterable[Finding], warnings: Iterable[Finding]) -> str:
    faults = list_findings("Found", (finding.found for finding in broken))
    verdict = "break rules" if faults else "break no rule"
    warned = list_findings("Warnings", (finding.found for finding in warnings))
    return f"The newest {rows:,} predictions {verdict}.{faults}{warned}"


def _report(rows: pd.DataFrame, findings: Iterable[Finding], now: datetime) -> dict[str, object]:
    return {
        "validated_at": now.isoformat(),
        "predictions": len(rows),
        "first": rows["at"].min().isoformat(),
        "last": rows["at"].max().isoformat(),
        "success": not any(_breaks(finding) for finding in findings),
        "great_expectations": gx.__version__,
        "results": [as_record(finding) for finding in findings],
    }
