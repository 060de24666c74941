"""Deletes predictions that are older than some days, and those dated in the future; pauses after a clock change."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy import Engine

from model.monitoring.database import read_clock
from model.monitoring.predictions import delete_future_rows, forget

STEADY_SECONDS: Final = 600.0
"""Seconds without a clock jump before anything is deleted; also the pause between deletions."""

JUMP_SECONDS: Final = 60.0
"""Seconds by which a clock may be corrected within STEADY_SECONDS; a larger change is a jump."""

AHEAD: Final = timedelta(days=1)
"""How far ahead a prediction may be dated. One dated further ahead would stop the measurement of drift until then."""

MOST_AT_ONCE: Final = 10_000
"""Most rows deleted in one transaction, so that other clients of the database do not wait long."""

log = structlog.get_logger(__name__)


class Retention:
    """Keeps the predictions in a database for `days`."""

    def __init__(self, engine: Engine, *, days: int) -> None:
        self._engine = engine
        self._kept = timedelta(days=days)
        self._wall, self._ticks = utc_now().timestamp(), monotonic()

    def first_kept(self) -> datetime:
        """Return the time (UTC) before which predictions are too old."""
        return utc_now() - self._kept

    def step(self) -> None:
        """Delete at most MOST_AT_ONCE rows of each kind, if the clock was steady for STEADY_SECONDS.

        After a jump ahead of the clock all rows look old, and most clocks are soon right again. Raises SQLAlchemyError
        when the database cannot be reached.
        """
        wall, ticks = utc_now().timestamp(), monotonic()
        passed = ticks - self._ticks
        if passed < STEADY_SECONDS:
            return
        jump = wall - self._wall - passed
        if abs(jump) > JUMP_SECONDS:
            log.warning("clock jumped", seconds=round(jump), kept_for_now=True)
        elif MOST_AT_ONCE in (self._delete_old_rows(), self._delete_future_rows()):
            return  # there are more; the next step goes on
        self._wall, self._ticks = wall, ticks

    def _delete_old_rows(self) -> int:
        return forget(self._engine, until=self.first_kept(), most=MOST_AT_ONCE)

    def _delete_future_rows(self) -> int:
        """Delete rows dated more than AHEAD after both this host's clock and the database's clock."""
        now = max(utc_now(), read_clock(self._engine))
        count = delete_future_rows(self._engine, of=now + AHEAD, most=MOST_AT_ONCE)
        if count:
            log.warning("predictions of the future deleted", count=count)
        return count


def utc_now() -> datetime:
    """Return the time of the wall clock, in UTC."""
    return datetime.now(UTC)
