"""Watches for drift: measures recent predictions for GET /health, Prometheus and the other hosts.

`python -m service.sidecars.monitor` is a separate process, so that no request waits for a measurement.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from model.errors import StorageFull
from model.monitoring import audits, drift_history, windows
from model.monitoring.database import open_database
from model.monitoring.drift import measure
from model.monitoring.drift_history import MOST_SUSPECTS, DriftResult
from model.monitoring.limits import read_limits
from model.monitoring.windows import Window
from model.settings import Settings
from service.logs import configure_logging
from service.metrics.drift import DriftMetrics
from service.sidecars.drift_reference import DriftReference, Unmeasurable, read_production
from service.sidecars.repeat import repeat
from service.status.drift import write_status
from service.status.pointer import Pointer

CLOCKS_APART: Final = timedelta(seconds=60)
"""Largest difference of two clocks that both count as right."""

log = structlog.get_logger("service.sidecars.monitor")


class Monitor:
    """Measures the predictions of the version in production, one `step` at a time.

    Raises SettingsError for a database or limits that cannot be understood. `now` returns the time in UTC, `monotonic`
    the seconds of a clock that is never set.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._engine = open_database(settings.predictions_url)
        self._limits = read_limits(settings.drift_policy)
        self._least = min(settings.drift_least, settings.drift_window)
        self._now = now
        self._monotonic = monotonic
        self._began = now() - timedelta(seconds=monotonic())
        self._reference: DriftReference | None = None
        self._told: tuple[str | None, ...] = ()

    def step(self) -> DriftResult:
        """Measure drift, or take a recent result from the log. A failure is a result with a cause, not an exception."""
        result, failure = self._look(self._now())
        outcome = (result.model_version, result.state, result.cause, result.attribution)
        if outcome != self._told:
            told = {"version": outcome[0], "state": outcome[1], "cause": outcome[2], "reason": result.reason}
            log.info("drift", **told, exc_info=failure)
        self._told = outcome
        return result

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def _look(self, now: datetime) -> tuple[DriftResult, BaseException | None]:
        """Return the result and the error behind an unknown one: its text is for the log, not for GET /health."""
        version: str | None = None
        try:
            pointer = read_production(self._settings.home)
            version = pointer.version
            self._check_clock(now)
            return self._find(self._read_reference(pointer), now), None
        except Unmeasurable as why:
            unknown, failure = why, why.__cause__
        except (SQLAlchemyError, OSError) as error:
            reason = "the prediction log cannot be read: the monitor's log says why"
            unknown, failure = Unmeasurable("log_unavailable", reason), error
        except Exception as error:  # after any other error, the last result must not look current
            unknown, failure = Unmeasurable("failed", "the measurement failed: the monitor's log says why"), error
        return (
            DriftResult(
                measured_at=now, model_version=version, state="unknown", cause=unknown.cause, reason=str(unknown)
            ),
            failure,
        )

    def _check_clock(self, now: datetime) -> None:
        """Raise Unmeasurable when the clock was set since the last call; the new time counts as right from now on."""
        began = now - timedelta(seconds=self._monotonic())
        moved, self._began = began - self._began, began
        if abs(moved) > CLOCKS_APART:
            raise Unmeasurable(
                "clock", f"the clock was moved by {moved.total_seconds():+.0f} s; the next measurement counts"
            )

    def _read_reference(self, pointer: Pointer) -> DriftReference:
        if self._reference is None or self._reference.pointer != pointer:
            self._reference = DriftReference.read(self._settings.home, pointer)
        return self._reference

    def _find(self, baseline: DriftReference, now: datetime) -> DriftResult:
        """Return a host's recent result, or its result on the same predictions; measure if there is none."""
        pointer, engine = baseline.pointer, self._engine
        audits.prepare(engine)
        drift_history.prepare(engine)
        kept = now - timedelta(days=self._settings.prediction_days)
        known = drift_history.latest(engine, pointer.version, since=kept, until=now)
        if known and known.model_sha256 != pointer.sha256:
            known = None  # a version of the same number, from another registry
        if known and (now - known.measured_at).total_seconds() < self._settings.drift_seconds:
            return known
        window = self._read_window(pointer, now)
        if known and (known.rows, known.last) == (len(window.ids), window.last):
            return known
        result = self._measure(baseline, window, now).following(known)
        of_version = {"model_version": pointer.version, "model_sha256": pointer.sha256}
        result = result.model_copy(update={"audit": audits.summarise(engine, **of_version, since=kept)})
        drift_history.add(engine, result)
        drift_history.forget(engine, until=kept)
        audits.forget(engine, until=kept)
        return result

    def _read_window(self, pointer: Pointer, now: datetime) -> Window:
        """Return recent predictions of a version; raises Unmeasurable when they are too few, or dated ahead."""
        version = pointer.version
        of_version = {"model_version": version, "model_sha256": pointer.sha256}
        newest = windows.find_newest(self._engine, **of_version)
        if newest and newest - now > CLOCKS_APART:
            raise Unmeasurable(
                "clock", f"the newest prediction is dated {newest:%Y-%m-%d %H:%M} UTC, but now is {now:%Y-%m-%d %H:%M}"
            )
        window = windows.read_window(self._engine, **of_version, most=self._settings.drift_window, until=now)
        if len(window.ids) < self._least:
            counted = f"version {version} gave {len(window.ids)} predictions, {self._least} are needed"
            raise Unmeasurable("too_few", counted)
        return window

    def _measure(self, baseline: DriftReference, window: Window, now: datetime) -> DriftResult:
        card = baseline.card
        drift = measure(
            baseline.reference,
            window.sample,
            threshold=card.threshold,
            band=card.band,
            limits=self._limits,
            outside=window.outside,
        )
        if drift.independent < self._least:
            unlike = f"{drift.rows} predictions of version {baseline.pointer.version} are about {drift.independent}"
            raise Unmeasurable("too_few", f"{unlike} different images, {self._least} are needed")
        return DriftResult(
            measured_at=now,
            model_version=baseline.pointer.version,
            model_sha256=baseline.pointer.sha256,
            state="ok" if drift.attribution == "none" else "drifting",
            attribution=drift.attribution,
            reason=drift.reason,
            signals=drift.signals,
            rows=drift.rows,
            independent=drift.independent,
            first=window.first,
            middle=window.middle,
            last=window.last,
            accuracy=drift.accuracy,
            ai_share=drift.ai_share,
            not_estimable=drift.not_estimable,
            suspects=tuple(window.ids[position] for position in drift.suspects[:MOST_SUSPECTS]),
        )


def watch(monitor: Monitor, metrics: DriftMetrics, settings: Settings) -> None:
    """Take a step and publish its result: for GET /health by a file, for Prometheus by gauges."""
    result = monitor.step()
    metrics.show(result)
    try:
        write_status(settings.home, result, seconds=settings.drift_seconds)
    except (OSError, StorageFull):  # Prometheus has the result already
        log.warning("status not written", exc_info=True)


def main() -> None:
    """Watch for drift until SIGTERM, or until the parent process is gone."""
    configure_logging()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings.from_environment(os.environ)
    with closing(Monitor(settings)) as monitor:
        repeat(partial(watch, monitor, DriftMetrics(), settings), seconds=settings.drift_seconds)


if __name__ == "__main__":
    main()
