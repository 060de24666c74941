"""Writes the record of a running drill to a file after each step."""

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
"""Name of the file with the record, in the folder of the drill."""

log = logging.getLogger("truegrain.drill")


class Diary:
    """The record of a running drill. It is written to `drill.json` after each step, even after a failed step."""

    def __init__(self, folder: Path, drill: Drill) -> None:
        self.drill = drill
        self._path = folder / RECORD

    @classmethod
    def open(cls, folder: Path) -> "Diary":
        """Continue the record that an earlier task wrote in `folder`."""
        return cls(folder, Drill.from_json((folder / RECORD).read_bytes()))

    def seconds(self) -> float:
        """Return the seconds since the drill began."""
        return (datetime.now(UTC) - self.drill.began_at).total_seconds()

    def note(self, **facts: Any) -> None:
        """Set fields of `Drill` and write the record."""
        self.drill = replace(self.drill, **facts)
        write_text(UPath(self._path), self.drill.to_json())

    @contextmanager
    def step(self, name: StepName) -> Iterator[None]:
        """Record the block as a step of the drill, with its begin and end."""
        begin = self.seconds()
        log.info("%s …", name)
        try:
            yield
        finally:
            step = Step(name=name, begin=begin, end=self.seconds())
            log.info("%s: %.1f s", name, step.end - step.begin)
            self.note(steps=(*self.drill.steps, step))
