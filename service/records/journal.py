"""The journal: predictions that are not in the database yet, in files that outlive the process which gave them."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final, Self
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from model.monitoring.predictions import Prediction
from service.records.held_folder import HeldFolder

MOST_BYTES: Final = 256_000_000
"""Most that one journal takes on the disk: half a million predictions or so."""

_LINE: Final = TypeAdapter(Prediction)
_WRITE: Final = _LINE.serializer.to_json  # what `_LINE.dump_json` calls, without the defaults that it fills in

log = structlog.get_logger(__name__)


@dataclass
class _Segment:
    """A file that was begun at a monotonic time, and the offset in it of the first row that is still needed.

    `seen`: end offset and count of the rows last returned by `peek`.
    """

    path: Path
    began: float
    bytes: int = 0
    rows: int = 0
    position: int = 0
    seen: tuple[int, int] = (0, 0)

    def read(self, most: int) -> list[Prediction | None]:
        """Return the next rows, `most` at most, or None for each that was lost with a file that was deleted or cut off.

        Raises OSError when the file is there and cannot be read now.
        """
        lines = []
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self.position)
            lines = list(islice(file, most))
            self.seen = file.tell(), len(lines)
        if not lines:
            self.seen = self.bytes, self.rows
            return [None] * self.rows
        return [_decode(line) for line in lines]


class Journal:
    """A queue of predictions in a folder of its own under `root`, made for the first of them.

    What `append` took survives this process, however that ends: `abandoned` finds it. Nothing waits for the disk: after
    a power cut the last moments may be missing. Several threads may append, one may take.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changing = threading.Lock()
        self._folder: HeldFolder | None = None
        self._file: int | None = None
        self._segments: list[_Segment] = []
        self._made = 0

    @classmethod
    def abandoned(cls, root: Path) -> Iterator[Self]:
        """Take over, one by one, the journals under `root` whose process is gone; nothing is appended to these."""
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            try:
                folder = HeldFolder.take(path)
            except OSError:  # somebody writes it, or has taken it over
                continue
            journal = cls(root)
            journal._folder = folder
            try:
                journal._segments = [_measure(file) for file in sorted(path.glob("*.jsonl"))]
            except OSError:
                log.warning("abandoned journal not read", path=str(path), exc_info=True)
                journal.close()  # whoever looks next tries again
                continue
            yield journal

    @property
    def rows(self) -> int:
        """How many predictions it holds."""
        return sum(segment.rows for segment in self._segments)

    @property
    def age(self) -> float:
        """For how many seconds this process has had the oldest of them; 0 when there is none."""
        return max((monotonic() - segment.began for segment in self._segments if segment.rows), default=0.0)

    def append(self, prediction: Prediction) -> None:
        """Add a prediction; raises OSError when it cannot be kept, or MOST_BYTES would be exceeded."""
        line = _WRITE(prediction) + b"\n"
        with self._changing:
            if sum(segment.bytes for segment in self._segments) + len(line) > MOST_BYTES:
                raise OSError(errno.EFBIG, f"the journal has its {MOST_BYTES:,} bytes")
            file = self._open_file()
            segment = self._segments[-1]
            if os.write(file, line) < len(line):  # the last free block took a part of it
                os.ftruncate(file, segment.bytes)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(segment.path))
            segment.bytes += len(line)
            segment.rows += 1

    def peek(self, most: int) -> list[Prediction | None]:
        """Return the oldest predictions, `most` at most; None stands for one that is lost.

        Raises OSError when they cannot be read now.
        """
        while segment := self._oldest():
            if batch := segment.read(most):
                return batch
            self._drop(segment)
        return []

    def advance(self) -> None:
        """Forget the predictions that `peek` returned last, for they are in the database."""
        segment = self._segments[0]
        segment.position, rows = segment.seen
        segment.rows = max(segment.rows - rows, 0)
        if segment.position >= segment.bytes:
            self._drop(segment)

    def close(self) -> None:
        """Let go of the folder: it is deleted, unless it holds predictions that somebody else may take over."""
        with self._changing:
            self._close_file()
            self._leave()

    def _oldest(self) -> _Segment | None:
        """Return the oldest file, to which nothing is added any more."""
        with self._changing:
            if len(self._segments) == 1:
                self._close_file()
            return self._segments[0] if self._segments else None

    def _drop(self, segment: _Segment) -> None:
        segment.path.unlink(missing_ok=True)
        with self._changing:
            self._segments.remove(segment)

    def _open_file(self) -> int:
        """Return the file that is added to, a new one when the last was closed."""
        if self._file is None:
            try:
                self._file = self._make_file()
            except OSError as error:
                # A folder that is gone or was never used; while predictions wait in it, nobody else may have it.
                if not self._segments or isinstance(error, FileNotFoundError):
                    self._leave()
                raise
        return self._file

    def _make_file(self) -> int:
        if self._folder is None:
            folder = self._root / uuid4().hex
            folder.mkdir(parents=True)
            self._folder = HeldFolder.take(folder)
        self._made += 1
        path = self._folder.path / f"{self._made:09d}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._segments.append(_Segment(path, monotonic()))
        return file

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _leave(self) -> None:
        if self._folder is not None:
            self._folder.leave()
            self._folder = None


def _measure(file: Path) -> _Segment:
    with file.open("rb") as opened:
        rows = sum(1 for _ in opened)
        return _Segment(file, monotonic(), bytes=opened.tell(), rows=rows)


def _decode(line: bytes) -> Prediction | None:
    try:
        return _LINE.validate_json(line)
    except ValidationError:
        return None
