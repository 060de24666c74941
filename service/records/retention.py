"""Retention: predictions older than so many days are deleted, little by little, and never by a clock that jumped."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from sqlalchemy import Engine

from model.predictions import forget

STEADY_SECONDS: Final = 600.0
"""How long the clock must have gone steadily before anything is deleted because of what it says; then how often."""

JUMP_SECONDS: Final = 60.0
"""How far a clock that is merely set right may move within that time."""

MOST_AT_ONCE: Final = 10_000
"""Rows of one transaction, so that nobody else waits long for the database."""

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
        """Delete some of what is too old, if it is time for that; raises SQLAlchemyError when the database is away.

        A clock that jumps ahead makes everything look old, and one that was wrong is mostly right again soon.
        """
        now = _Times()
        if now.monotonic - self._since.monotonic < STEADY_SECONDS:
            return
        jump = now.wall - self._since.wall - (now.monotonic - self._since.monotonic)
        if abs(jump) > JUMP_SECONDS:
            log.warning("clock jumped", seconds=round(jump), kept_for_now=True)
        elif forget(self._engine, until=self.first_kept(), most=MOST_AT_ONCE) == MOST_AT_ONCE:
            return  # there is more of it; the next step goes on
        self._since = now


class _Times:
    """Now, as the wall clock has it and as the one that never jumps, both in seconds."""

    def __init__(self) -> None:
        self.wall = utc_now().timestamp()
        self.monotonic = monotonic()


def utc_now() -> datetime:
    """Return what the wall clock says."""
    return datetime.now(UTC)
