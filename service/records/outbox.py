"""The outbox: a queue of predictions for the database, in an SQLite file that survives a crash of its process."""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final, Self
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from model.monitoring.predictions import Prediction
from service.status.prediction_log import name_trouble

MOST_BYTES: Final = 256_000_000
"""Largest size of an outbox, which then holds about half a million predictions."""

MOST_IN_MEMORY: Final = 10_000
"""Predictions that an outbox holds in memory while its file cannot be written."""

LARGE_BYTES: Final = 16_000_000
"""Size above which an empty file is deleted: SQLite reuses the room of deleted rows, but does not shrink the file."""

_PAGE_BYTES: Final = 4096
_PRAGMAS: Final = (
    # This pragma comes first, otherwise SQLite would share the file. The system releases the lock when the process
    # ends, and also when the process opens the file in any other way and closes it.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 4000",  # in pages: one append in 3,000 waits for a checkpoint to reach the disk
)
_TABLE: Final = "CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY, prediction BLOB NOT NULL)"
_OUTERMOST: Final = "SELECT (SELECT min(number) FROM waiting), (SELECT max(number) FROM waiting)"

_ROW: Final = TypeAdapter(Prediction)
_ENCODE: Final = _ROW.serializer.to_json  # what `_ROW.dump_json` calls, without its handling of defaults

log = structlog.get_logger(__name__)


class Outbox:
    """A queue of predictions in a file of its own under `root`; the first prediction creates the file.

    An appended prediction survives any end of this process: `abandoned` finds the file. While the file cannot be
    written, predictions wait in memory, and `error` says why. Several threads may append, one may peek and forget.
    """

    def __init__(self, root: Path) -> None:
        self.error: Exception | None = None
        self._root = self._path = root
        self._file: sqlite3.Connection | None = None
        self._unsaved: deque[tuple[int, bytes]] = deque()
        # Predictions have numbers without gaps: up to `_forgotten` they are in the database, up to `_last` they wait.
        self._forgotten = self._seen = self._last = 0
        self._since = self._since_seen = monotonic()
        self._changing = threading.Lock()

    @classmethod
    def abandoned(cls, root: Path) -> Iterator[Self]:
        """Take over the outboxes under `root` whose process has ended, and yield them one by one."""
        for path in sorted(root.glob("*.outbox")):
            outbox = cls(root)
            try:
                outbox._open(path)
            except (sqlite3.Error, OSError) as error:
                if (
                    name_trouble(error) == "locked" or not path.exists()
                ):  # its process lives, or another worker was faster
                    continue
                if not _is_damage(error):
                    log.warning("abandoned outbox not opened", path=str(path), exc_info=True)
                    continue
                outbox._last = 1  # at least one; how many were lost is unknown
                outbox._set_aside(error)
            yield outbox

    @property
    def rows(self) -> int:
        """How many predictions wait."""
        return self._last - self._forgotten

    @property
    def age(self) -> float:
        """Seconds for which the oldest prediction has waited in this process; 0 when none waits."""
        return monotonic() - self._since if self.rows else 0.0

    def append(self, prediction: Prediction) -> bool:
        """Add a prediction; return False when neither the file nor the memory has room for it."""
        row = _ENCODE(prediction)
        with self._changing:
            if not self.rows:
                self._since = monotonic()
            self._last += 1
            self._unsaved.append((self._last, row))
            self._save()
            if len(self._unsaved) <= MOST_IN_MEMORY:
                return True
            self._unsaved.pop()
            self._last -= 1
            return False

    def peek(self, most: int) -> list[Prediction | None]:
        """Return the oldest predictions, at most `most`; None stands for a lost one.

        Raises sqlite3.Error when the file cannot be read now. A damaged file is renamed, and its predictions are lost.
        """
        with self._changing:
            self._save()
            found = dict(self._read(most))
            found |= islice(self._unsaved, most - len(found))
            self._seen = max(found, default=self._last)
            numbers = range(self._forgotten + 1, self._seen + 1)
            # If all were returned, the next prediction begins to wait now at the earliest.
            self._since_seen = monotonic() if self._seen == self._last else self._since
        return [decode(found.get(number, b"")) for number in numbers]

    def forget(self) -> None:
        """Delete the predictions that `peek` returned last; call it once they are in the database."""
        with self._changing:
            self._forgotten, self._since = max(self._seen, self._forgotten), self._since_seen
            while self._unsaved and self._unsaved[0][0] <= self._forgotten:
                self._unsaved.popleft()
            if self._file is None:
                return
            try:
                self._file.execute("DELETE FROM waiting WHERE number <= ?", (self._forgotten,))
            except sqlite3.Error as error:  # a full disk; a row that stays is written twice, without harm
                self.error = error
            if not self._saved() and (self.error or not self._path.exists() or self._path.stat().st_size > LARGE_BYTES):
                self._delete_file()

    def close(self) -> int:
        """Close the file: an empty one is deleted, any other can be taken over by `abandoned`.

        Return how many predictions are lost: those in memory that cannot be written.
        """
        with self._changing:
            self._save()
            lost = len(self._unsaved)
            if not self._saved():
                self._delete_file()
            self._close_file()
            self._unsaved.clear()
            self._forgotten = self._last
            return lost

    def _saved(self) -> int:
        """Return how many predictions wait in the file."""
        return self.rows - len(self._unsaved)

    def _save(self) -> None:
        """Write predictions from memory into the file, until all are written or the file refuses one."""
        try:
            while self._unsaved:
                file = self._file or self._make_file()
                file.execute("INSERT INTO waiting VALUES (?, ?)", self._unsaved[0])
                self._unsaved.popleft()
        except (sqlite3.Error, OSError) as error:
            self.error = error
        else:
            self.error = None

    def _read(self, most: int) -> list[tuple[int, bytes]]:
        """Return the oldest rows of the file; a damaged file has none."""
        if self._file is None:
            return []
        query = "SELECT number, prediction FROM waiting WHERE number > ? ORDER BY number LIMIT ?"
        try:
            return self._file.execute(query, (self._forgotten, most)).fetchall()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside(error)
            return []

    def _make_file(self) -> sqlite3.Connection:
        self._root.mkdir(parents=True, exist_ok=True)
        path = self._root / f"{uuid4().hex}.outbox"
        path.touch(mode=0o600, exist_ok=False)
        try:
            return self._open(path)
        except (sqlite3.Error, OSError):
            path.unlink(missing_ok=True)
            raise

    def _open(self, path: Path) -> sqlite3.Connection:
        """Open a file and lock it; raises sqlite3.OperationalError when another process has the lock.

        The same error is raised when another process found the new file empty and deleted it: SQLite creates no table
        in a deleted file.
        """
        self._path = path
        address = f"{path.absolute().as_uri()}?mode=rw"
        file = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            for statement in (*_PRAGMAS, f"PRAGMA max_page_count = {MOST_BYTES // _PAGE_BYTES}", _TABLE):
                file.execute(statement)
            [(first, last)] = file.execute(_OUTERMOST)
        except BaseException:
            file.close()
            raise
        if last is not None:
            self._forgotten, self._last = first - 1, last
        self._file = file
        return file

    def _close_file(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _delete_file(self) -> None:
        """Delete the empty file while its lock is held, so that no other process takes it over."""
        if self._file:
            with suppress(OSError):  # the process that takes the empty file over deletes it
                self._path.unlink()
            self._close_file()
            with suppress(OSError):  # SQLite has deleted it, except on a full disk
                Path(f"{self._path}-wal").unlink()

    def _set_aside(self, error: Exception) -> None:
        """Rename a damaged file, so that a person can try to recover its rows."""
        self.error = error
        self._close_file()
        aside = self._path.with_suffix(".damaged")
        for end in ("", "-wal"):
            with suppress(OSError):
                Path(f"{self._path}{end}").rename(f"{aside}{end}")
        log.error("outbox damaged", kept_as=str(aside), predictions=self._saved(), cause=str(error))


def decode(row: bytes) -> Prediction | None:
    """Return the prediction in a row of an outbox or a journal; None when the row cannot be read."""
    try:
        return _ROW.validate_json(row)
    except ValidationError:
        return None


def _is_damage(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
