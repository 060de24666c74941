"""Measures the peak of the memory that Truegrain's processes hold together."""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import psutil

GIGABYTE = 1e9


def held_bytes(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes that these processes hold. Shared pages count once if the system knows them (PSS)."""
    return sum(_held(process) for process in processes)


class PeakMemory:
    """Samples the memory of the processes that `find` returns every `seconds`; `gigabytes` is the largest sum seen."""

    def __init__(self, find: Callable[[], Iterable[psutil.Process]], *, seconds: float = 2.0) -> None:
        self.gigabytes = 0.0
        self._find = find
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="peak-memory")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def sample(self) -> None:
        """Measure once."""
        self.gigabytes = max(self.gigabytes, held_bytes(self._find()) / GIGABYTE)

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            self.sample()


def _held(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.uss))
