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


def drift() -> list[str]:
    """Return the newest measurements of drift as JSON, oldest first: as many as `ask` needs."""
    from model.monitoring.database import opened
    from model.monitoring.drift_history import history, prepare
    from model.monitoring.retrain_request import LOOK_BACK

    settings, now = read_settings(), datetime.now(UTC)
    # Twice as many as must agree: while the version changes, some hosts measure the old one and some the new one.
    most = 2 * settings.drift_sustained
    with opened(settings.predictions_url) as engine:
        prepare(engine)
        found = history(engine, since=now - LOOK_BACK, until=now, most=most)
    for result in found:
        log.info("%s, version %s: %s", f"{result.measured_at:%d %H:%M:%S}", result.model_version, result.reason)
    return [result.model_dump_json() for result in found]


def began_on_drift(events: Iterable[PastEvent]) -> list[datetime]:
    """Return the times (UTC) of the events of RETRAINING that drift caused."""
    return [event.timestamp for event in events if DRIFT_REASON in (event.extra or {})]


def ask(measured: list[str]) -> Iterator[Metadata]:
    """Judge the measurements, and ask for a training with DRIFT's event.

    Raises AirflowSkipException, with the reason, if no training is needed or allowed.
    """
    from model.monitoring.drift_history import DriftResult
    from model.monitoring.retrain_request import RetrainPolicy, judge

    past = [DriftResult.model_validate_json(result) for result in measured]
    trainings = began_on_drift(get_current_context()["inlet_events"][RETRAINING])
    judgement = judge(past, trainings, RetrainPolicy.of(read_settings()), now=datetime.now(UTC))
    if not judgement.ask:
        raise AirflowSkipException(judgement.reason)
    log.warning("asking for a training: %s", judgement.reason)
    yield Metadata(DRIFT, {DRIFT_REASON: judgement.reason})
