"""Implements the tasks of `monitor_detector`, from validating predictions to the event that asks for a training."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

from airflow.sdk import Metadata, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from truegrain_airflow.assets import DRIFT, DRIFT_REASON, RETRAINING
from truegrain_airflow.environment import open_lake, read_settings

log = logging.getLogger("truegrain.monitor")


class PastEvent(Protocol):
    """The part of a past asset event that is read here."""

    @property
    def timestamp(self) -> datetime:
        """When the event happened (UTC)."""

    @property
    def extra(self) -> Mapping[str, object] | None:
        """The content of the event; None for an event without content, which was made by hand."""


def expect() -> str:
    """Validate the newest predictions and return the outcome in words; raises ValidationFailed if a rule is broken."""
    from expectations.predictions import validate
    from model.monitoring.database import opened

    settings = read_settings()
    with opened(settings.predictions_url) as engine:
        return validate(engine, open_lake(), most=settings.drift_window, now=datetime.now(UTC))


def drift() -> str | None:
    """Return the newest measurement of drift as JSON, None without one."""
    from model.monitoring.database import opened
    from model.monitoring.drift_history import history, prepare
    from model.monitoring.retrain_request import LOOK_BACK

    now = datetime.now(UTC)
    with opened(read_settings().predictions_url) as engine:
        prepare(engine)
        found = history(engine, since=now - LOOK_BACK, until=now, most=1)
    for result in found:
        log.info("%s, version %s: %s", f"{result.measured_at:%d %H:%M:%S}", result.model_version, result.reason)
    return found[0].model_dump_json() if found else None


def began_on_drift(events: Iterable[PastEvent]) -> list[datetime]:
    """Return the times (UTC) of the events of RETRAINING that drift caused."""
    return [event.timestamp for event in events if DRIFT_REASON in (event.extra or {})]


def ask(measured: str | None) -> Iterator[Metadata]:
    """Judge the newest measurement, and ask for a training with DRIFT's event.

    Raises AirflowSkipException, with the reason, if no training is needed or allowed.
    """
    from model.monitoring.drift_history import DriftResult
    from model.monitoring.retrain_request import RetrainPolicy, judge

    latest = DriftResult.model_validate_json(measured) if measured else None
    trainings = began_on_drift(get_current_context()["inlet_events"][RETRAINING])
    judgement = judge(latest, trainings, RetrainPolicy.of(read_settings()), now=datetime.now(UTC))
    if not judgement.ask:
        raise AirflowSkipException(judgement.reason)
    log.warning("asking for a training: %s", judgement.reason)
    yield Metadata(DRIFT, {DRIFT_REASON: judgement.reason})
