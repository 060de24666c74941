"""Retention: predictions of too long ago, or of the future, are deleted, and never because a clock jumped."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy import Engine

from model.monitoring.database import read_clock
from model.monitoring.predictions import delete_future_rows, forget

STEADY_SECONDS: Final = 600.0
"""Seconds without a clock jump before anything is deleted by age; also the pause between deletions."""

JUMP_SECONDS: Final = 60.0
"""How far a clock may move within that time by being set right, which is no jump."""

AHEAD: Final = timedelta(days=1)
"""How far ahead a prediction may be dated; one that is further keeps drift from being measured until its day comes."""

MOST_AT_ONCE: Final = 10_000
"""Most rows deleted in one transaction, so that nobody else waits long for the database."""

log = structlog.get_logger(__name__)


class Retention:
    """Keeps the predictions in a database for `days`."""

    def __init__(self, engine: Engine, *, days: int) -> None:
        self._engine = engine
        self._kept = timedelta(days=days)
        self._since = _Times()

    def first_kept(self) -> datetime:
        """Return the time (UTC) before which predictions are too old."""
        return utc_now() - self._kept

    def step(self) -> None:
        """Delete some of what is too old or ahead, if it is time for that.

        Raises SQLAlchemyError when the database is away. A clock that jumps ahead makes everything look old, and one
        that was wrong is mostly right again soon.
        """
        now = _Times()
        if now.monotonic - self._since.monotonic < STEADY_SECONDS:
            return
        jump = now.wall - self._since.wall - (now.monotonic - self._since.monotonic)
        if abs(jump) > JUMP_SECONDS:
            log.warning("clock jumped", seconds=round(jump), kept_for_now=True)
        elif MOST_AT_ONCE in (self._forget_old(), self._forget_ahead()):
            return  # there is more of it; the next step goes on
        self._since = now

    def _forget_old(self) -> int:
        return forget(self._engine, until=self.first_kept(), most=MOST_AT_ONCE)

    def _forget_ahead(self) -> int:
        """Delete what a host whose clock was wrong has dated ahead; the clock here may be behind, also steadily."""
        now = max(utc_now(), read_clock(self._engine))
        count = delete_future_rows(self._engine, of=now + AHEAD, most=MOST_AT_ONCE)
        if count:
            log.warning("predictions of the future deleted", count=count)
        return count


class _Times:
    """Now, as the wall clock has it and as the one that never jumps, both in seconds."""

    def __init__(self) -> None:
        self.wall = utc_now().timestamp()
        self.monotonic = monotonic()


def utc_now() -> datetime:
    """Return what the wall clock says."""
    return datetime.now(UTC)
