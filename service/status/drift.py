"""The monitor's last measurement of drift, in a file that the workers read for GET /health."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from model.estimate import Estimate
from model.monitoring.terms import Attribution, Audit, Cause, Signal, State
from service.status.files import read_file, write_file

if TYPE_CHECKING:
    # The module imports SciPy, which the workers do not need to read the file.
    from model.monitoring.drift_history import DriftResult


class DriftAnswer(BaseModel):
    """Whether traffic still resembles the reference of the detector."""

    model_config = ConfigDict(frozen=True)

    status: State = Field(description="'drifting' when a signal is over its limit")
    cause: Cause | Literal["silent"] | None = Field(
        description="Why the status is unknown; 'silent': no monitor measures; null: it is known"
    )
    attribution: Attribution = Field(description="The likeliest reason for drift; 'none': there is no drift")
    reason: str = Field(description="The status and its reason in a sentence")
    version: str | None = Field(description="The version whose predictions were measured")
    measured_at: datetime | None = Field(description="When the predictions were measured")
    predictions: int = Field(description="How many predictions were measured")
    signals: tuple[Signal, ...] = Field(description="Each signal that was measured, with its limit")
    accuracy: Estimate | None = Field(description="Estimated share of right answers, without labels; null: not known")
    ai_share: Estimate | None = Field(description="Estimated share of AI images; null: not known")
    not_estimable: str | None = Field(
        default=None,
        description="Why `accuracy` and `ai_share` may have any value from 0 to 1; null: they are estimated",
    )
    audit: Audit | None = Field(
        default=None, description="What a person found in a random sample; null: there was no audit"
    )


SILENT = DriftAnswer(
    status="unknown",
    cause="silent",
    attribution="none",
    reason="the monitor is silent",
    version=None,
    measured_at=None,
    predictions=0,
    signals=(),
    accuracy=None,
    ai_share=None,
)


class DriftStatus(BaseModel):
    """What the monitor knew when it last looked, and when it meant to look again."""

    model_config = ConfigDict(frozen=True)

    due_at: datetime
    drift: DriftAnswer


def write_status(home: Path, result: "DriftResult", *, seconds: float) -> None:
    """Write the status of `result`; the next measurement is due in `seconds`.

    Raises OSError or StorageFull when it cannot be written.
    """
    status = DriftStatus(due_at=datetime.now(UTC) + timedelta(seconds=seconds), drift=describe(result))
    write_file(_path(home), status)


def describe(result: "DriftResult") -> DriftAnswer:
    """Return the public part of a result: all of it but the suspect predictions."""
    return DriftAnswer(
        status=result.state,
        cause=result.cause,
        attribution=result.attribution,
        reason=result.reason,
        version=result.model_version,
        measured_at=result.measured_at,
        predictions=result.rows,
        signals=result.signals,
        accuracy=result.accuracy,
        ai_share=result.ai_share,
        not_estimable=result.not_estimable,
        audit=result.audit,
    )


def read_status(home: Path) -> DriftStatus | None:
    """Return what the monitor wrote last; None when there is no file yet, or when it cannot be read."""
    return read_file(_path(home), DriftStatus)


def _path(home: Path) -> Path:
    return home / "run" / "drift.json"
