"""Diary: what happens in a drill, and when, written down as it happens."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from upath import UPath

from model.drill.record import Drill, Step, StepName
from model.files import write_text

RECORD: Final = "drill.json"
"""The file with the record of a drill, in its folder."""

log = logging.getLogger("truegrain.drill")


class Diary:
    """The record of a drill under way, in `drill.json` of its folder after each step, also after one that failed."""

    def __init__(self, folder: Path, drill: Drill) -> None:
        self.drill = drill
        self._path = folder / RECORD

    @classmethod
    def open(cls, folder: Path) -> "Diary":
        """Go on with what an earlier task has written."""
        return cls(folder, Drill.from_json((folder / RECORD).read_bytes()))

    def seconds(self) -> float:
        """Return the seconds since the drill began."""
        return (datetime.now(UTC) - self.drill.began_at).total_seconds()

    def note(self, **facts: Any) -> None:
        """Write facts down; they are fields of `Drill`."""
        self.drill = replace(self.drill, **facts)
        write_text(UPath(self._path), self.drill.to_json())

    @contextmanager
    def step(self, name: StepName) -> Iterator[None]:
        """Time what the block does."""
        begin = self.seconds()
        log.info("%s …", name)
        try:
            yield
        finally:
            step = Step(name=name, begin=begin, end=self.seconds())
            log.info("%s: %.1f s", name, step.end - step.begin)
            self.note(steps=(*self.drill.steps, step))
