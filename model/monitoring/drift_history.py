"""Writes the result of each drift measurement to the database of the prediction log, and reads results back."""

from datetime import datetime
from typing import Final

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import Column, DateTime, Engine, Index, Integer, MetaData, String, Table, Text, delete, insert, select

from model.estimate import Estimate
from model.monitoring.database import make_table
from model.monitoring.terms import Attribution, Audit, Cause, Signal, State

MOST_SUSPECTS: Final = 50

log = structlog.get_logger(__name__)

RESULTS: Final = Table(
    "drift",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("measured_at", DateTime(timezone=True), nullable=False, index=True),
    Column("model_version", String(32), nullable=False),
    Column("result", Text, nullable=False),
    Index("ix_drift_model_version_measured_at", "model_version", "measured_at"),
)


class DriftResult(BaseModel):
    """The result of one measurement on the predictions of one version; times are UTC.

    `reason` is a sentence for a person. `rows` counts the predictions measured, from `first` to `last`. Half of them or
    more were given at `middle` or later. `independent` of them count as independent; None: an earlier release wrote
    the result. `in_a_row` and `counted_until` are set by `following`. `accuracy` and `ai_share` are estimates without
    labels; both are None if `not_estimable` says why nothing is known about them. `audit` is what a person found; None
    without an audit. `suspects` are the ids of at most MOST_SUSPECTS predictions that may be by an unknown
    generator. `model_sha256` identifies the detector, because a new registry counts versions from 1 again. While drift
    is unknown, `accuracy`, `ai_share` and `model_sha256` are None.
    """

    model_config = ConfigDict(frozen=True)

    measured_at: AwareDatetime
    model_version: str | None
    model_sha256: str | None = None
    state: State
    cause: Cause | None = None
    attribution: Attribution = "none"
    reason: str
    signals: tuple[Signal, ...] = ()
    rows: int = 0
    independent: int | None = None
    first: AwareDatetime | None = None
    middle: AwareDatetime | None = None
    last: AwareDatetime | None = None
    in_a_row: int = 1
    counted_until: AwareDatetime | None = None
    accuracy: Estimate | None = None
    ai_share: Estimate | None = None
    not_estimable: str | None = None
    audit: Audit | None = None
    suspects: tuple[str, ...] = ()

    def following(self, earlier: "DriftResult | None") -> "DriftResult":
        """Return this result with its place in the row of results that agree; `earlier` is the one before it.

        Results agree if state and attribution are equal. A result counts only if at least half of its predictions were
        given after the window of the last result that counted. Otherwise a few images would be measured again and
        again, and one error would confirm itself.
        """
        agrees = earlier is not None and (earlier.state, earlier.attribution) == (self.state, self.attribution)
        if earlier is None or not agrees:
            return self.model_copy(update={"in_a_row": 1, "counted_until": self.last})
        counted = earlier.counted_until or earlier.last
        if counted and self.middle and self.middle > counted:
            return self.model_copy(update={"in_a_row": earlier.in_a_row + 1, "counted_until": self.last})
        return self.model_copy(update={"in_a_row": earlier.in_a_row, "counted_until": counted})


def prepare(engine: Engine) -> None:
    """Create the table unless it exists; several processes may do so at once."""
    make_table(engine, RESULTS)


def add(engine: Engine, result: DriftResult) -> None:
    """Write a result; its `model_version` must not be None."""
    values = {"measured_at": result.measured_at, "model_version": result.model_version}
    with engine.begin() as connection:
        connection.execute(insert(RESULTS), values | {"result": result.model_dump_json()})


def latest(engine: Engine, model_version: str, *, since: datetime, until: datetime) -> DriftResult | None:
    """Return the newest result about a version that was measured after `since` and up to `until`, None without one."""
    found = _read(engine, since=since, until=until, model_version=model_version, most=1)
    return found[0] if found else None


def history(engine: Engine, *, since: datetime, until: datetime, most: int | None = None) -> list[DriftResult]:
    """Return the newest `most` results that were measured after `since` and up to `until`, oldest first."""
    return _read(engine, since=since, until=until, most=most)[::-1]


def forget(engine: Engine, *, until: datetime) -> None:
    """Delete the results that were measured up to `until`."""
    with engine.begin() as connection:
        connection.execute(delete(RESULTS).where(RESULTS.c.measured_at <= until))


def _read(
    engine: Engine, *, since: datetime, until: datetime, model_version: str | None = None, most: int | None = None
) -> list[DriftResult]:
    """Return results, newest first; results that another release wrote in an unknown form are skipped."""
    columns = RESULTS.c
    wanted = select(columns.result).where(columns.measured_at > since, columns.measured_at <= until)
    if model_version is not None:
        wanted = wanted.where(columns.model_version == model_version)
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(columns.measured_at.desc(), columns.id.desc()).limit(most))
        stored = [row.result for row in rows]
    read = [result for result in map(_parse, stored) if result is not None]
    if len(read) < len(stored):
        log.warning("results of another release were skipped", passed_over=len(stored) - len(read))
    return read


def _parse(stored: str) -> DriftResult | None:
    try:
        return DriftResult.model_validate_json(stored)
    except ValidationError:
        return None
