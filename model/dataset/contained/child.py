"""Starts a child process that reads sources, and receives its frames; the child ends with its parent."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from tempfile import TemporaryFile
from typing import Any, Final

from model.dataset.contained.budget import Budget
from model.dataset.contained.frames import Frame, receive, send
from model.errors import SourceError, TruegrainError
from model.processes import die_with_parent
from model.sources.tree import READ_AT_MOST
from model.sources.web.reach import Reach

_MODULE: Final = "model.dataset.contained"
_LONGEST_NOTE: Final = 1_000_000
_MOST_JSON: Final = 100_000
"""Most bytes of JSON in a frame of a child; the longest row that an intake yields takes fewer."""

_POOL: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's own pool reserves gigabytes in advance, which would count against the memory limit."""


class Child:
    """A process that reads sources within a budget."""

    def __init__(self, job: str, request: dict[str, Any], data: bytes, *, budget: Budget, reach: Reach) -> None:
        self._budget = budget
        self._over_memory = False
        self._note = TemporaryFile()  # noqa: SIM115 - `end` closes it
        ours, theirs = os.pipe()
        self._channel = os.fdopen(ours, "rb", buffering=1 << 20)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - an argument list without a shell
                [sys.executable, "-m", _MODULE, str(theirs), str(self._note.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=(theirs, self._note.fileno()),
                env={**os.environ, **_POOL},
                preexec_fn=die_with_parent,
            )
        finally:
            os.close(theirs)
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        limits = {"memory_bytes": budget.memory_bytes, "seconds": budget.seconds}
        with suppress(BrokenPipeError), self._process.stdin as stdin:  # `receive` notices a dead child
            send(stdin, {"job": job, "hosts": reach.hosts, "most_bytes": reach.most_bytes, **limits, **request}, data)

    def receive(self) -> Frame | None:
        """Return the child's next frame; None if the child has ended. Raises the error that the child reports."""
        frame = receive(self._channel, most_json=_MOST_JSON, most_bytes=READ_AT_MOST)
        if frame and "error" in frame[0]:
            raise _error(frame[0])
        if frame and "memory" in frame[0]:
            self._over_memory = True
            return None
        return frame

    def opened(self) -> list[tuple[tuple[int, ...], str]]:
        """Return place and path of each item that the child has open, or had open at its end, the outermost first."""
        line = os.pread(self._note.fileno(), _LONGEST_NOTE, 0).partition(b"\n")[0]
        return [(tuple(place), path) for place, path in json.loads(line or b"[]")]

    def end(self) -> str:
        """End the child, and return why it ended before its work was done."""
        self._channel.close()
        self._note.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self._process.kill()
        code = self._process.wait()
        if self._over_memory:
            return f"it takes more than {self._budget.memory_bytes / 1e9:g} GB of memory (TRUEGRAIN_INGEST_MEMORY_GB)"
        if code == -signal.SIGXCPU:
            return f"it takes more than {self._budget.seconds} s of computing (TRUEGRAIN_INGEST_SECONDS)"
        how = signal.Signals(-code).name if code < 0 else f"code {code}"
        return f"the process that read it ended with {how}"


def _error(message: dict[str, Any]) -> TruegrainError:
    """Return the error that a child reports, with the same class and message as if it had been raised here."""
    known = {kind.__name__: kind for kind in _kinds_of(TruegrainError)}
    return known.get(message["error"], SourceError)(message["says"])


def _kinds_of(kind: type[TruegrainError]) -> list[type[TruegrainError]]:
    return [kind, *(further for child in kind.__subclasses__() for further in _kinds_of(child))]
