"""The state of a prediction log for GET /health and the metrics, and which state an error puts it in."""

import errno
import sqlite3
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from model.files import FULL_DISK

State = Literal["ok", "locked", "full", "gone", "failing"]
STATES: Final = get_args(State)

LATE_SECONDS: Final = 120.0
"""Lag above which the log counts as late. A healthy database takes a row within a second or so."""

_LOCKED: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, "55P03"}
_FULL: Final = {sqlite3.SQLITE_FULL, "53100"}
_NO_ROOM: Final = FULL_DISK | {errno.EFBIG}
"""Result codes of SQLite, SQLSTATEs of PostgreSQL (its manual, appendix A), and error numbers of the system."""

_MEANING: Final = {
    "locked": "another process holds the lock on its database",
    "full": "there is no room in its database or for its outbox",
    "gone": "its database does not answer, or the folder of its outbox cannot be reached",
    "failing": "its database, its outbox or the program refuses to write: the service's log says why",
}

_LOST: Final = "there was no room for them, or their outbox is damaged"


class LogStatus(BaseModel):
    """The state of a worker's prediction log."""

    model_config = ConfigDict(frozen=True)

    state: State = Field(
        description="'ok', or why predictions wait: the database is 'locked', 'full' or 'gone', or writing is 'failing'"
    )
    waiting: int = Field(description="Predictions of this worker that are not in the database yet")
    lag_seconds: float = Field(description="Seconds for which the oldest waiting prediction has waited")
    dropped: int = Field(description="Predictions that this worker has lost since it started")

    def troubles(self) -> list[str]:
        """Return what is wrong, a sentence each."""
        found = []
        waits = f"{self.waiting:,} predictions wait, the oldest for {self.lag_seconds:.0f} s"
        if self.state != "ok":
            found.append(f"the prediction log is {self.state}: {_MEANING[self.state]}; {waits}")
        elif self.lag_seconds > LATE_SECONDS:
            found.append(f"the prediction log is late: its database is slow, or does not answer at all; {waits}")
        if self.dropped:
            found.append(f"the prediction log has lost {self.dropped:,} predictions: {_LOST}")
        return found


def name_trouble(error: BaseException) -> State:
    """Return the state that an error of the database or the disk puts the log in."""
    cause = getattr(error, "orig", error)
    code = getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorcode", 0) & 0xFF  # extended codes lie above it
    if code in _LOCKED:
        return "locked"
    if code in _FULL or getattr(cause, "errno", None) in _NO_ROOM:
        return "full"
    is_away = isinstance(error, (SQLAlchemyError, sqlite3.OperationalError, OSError)) and not isinstance(
        error, ProgrammingError
    )
    return "gone" if is_away else "failing"


def name_cause(error: BaseException) -> str:
    """Return the first line of an error's message: PostgreSQL may quote a row in the lines after it."""
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]
