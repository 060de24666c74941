"""Limits on reports: how many reports of a reporter may wait, how large they may be, and how much disk stays free."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from upath import UPath

from model.feedback.reports import read_statement, reporter_mark
from model.settings import Settings
from model.sources.reports import FOLDER
from service.answers.problems import Refusal
from service.records.reporter import Reporter

_Stamp = tuple[int, float]
_LOCAL: Final = ("", "file", "local")


@dataclass(frozen=True, kw_only=True)
class ReportRoom:
    """Limits: `reports` and `bytes` of one reporter that wait for a review; bytes of disk that stay `free`.

    All callers without an API key are one reporter. Reviewed reports do not count. Each file is read once to see
    whether it was reviewed, so that a client over its limit costs little however often it tries.
    """

    reports: int
    bytes: int
    free: int
    _known: dict[str, tuple[_Stamp, bool]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "ReportRoom":
        """Return the limits that the settings give."""
        return cls(
            reports=settings.feedback_waiting, bytes=settings.feedback_waiting_bytes, free=settings.feedback_free_bytes
        )

    def require(self, lake: UPath, reporter: Reporter, *, replacing: str, size: int) -> None:
        """Raise Refusal unless there is room for a report of `size` bytes, which replaces the report `replacing`.

        `no_room`: too little of the disk is free. `too_many_reports`: the reporter has reached a limit.
        """
        self._require_disk(lake, size)
        waiting = self._stored(lake, reporter)
        waiting.pop(replacing, None)
        if self._fits(waiting, size):
            return
        for name in [name for name, stamp in waiting.items() if self._is_settled(lake, name, stamp)]:
            del waiting[name]
        if not self._fits(waiting, size):
            who = f"the key '{reporter.key}'" if reporter.key is not None else "all callers without a key together"
            raise Refusal(
                "too_many_reports",
                f"{len(waiting):,} reports of {who} wait for a review, in {_weigh(waiting):,} bytes; the limits are"
                f" {self.reports:,} and {self.bytes:,}: try again after a review, or withdraw some",
            )

    def _require_disk(self, lake: UPath, size: int) -> None:
        if lake.protocol not in _LOCAL:  # an object store does not tell its free room
            return
        root = Path(lake.path).absolute()
        there = next(folder for folder in (root, *root.parents) if folder.exists())
        free = shutil.disk_usage(there).free
        if free - size < self.free:
            raise Refusal(
                "no_room",
                f"no report is taken while less than {self.free:,} bytes of the lake's disk are free; send it again"
                " once the operator has made room",
            )

    def _stored(self, lake: UPath, reporter: Reporter) -> dict[str, _Stamp]:
        """Return the size and time of each report of a reporter, reviewed or not, by the report's name."""
        folder = lake / FOLDER
        if lake.protocol not in _LOCAL:  # fsspec would keep the first listing for ever
            folder.fs.invalidate_cache()
        mark = reporter_mark(reporter.identity)
        paths = list(folder.glob(f"*-{mark}.parquet")) if folder.exists() else []
        facts = ((path.stem, path.stat()) for path in paths)
        return {name: (int(stat.st_size), float(stat.st_mtime)) for name, stat in facts}

    def _fits(self, waiting: dict[str, _Stamp], size: int) -> bool:
        return len(waiting) < self.reports and _weigh(waiting) + size <= self.bytes

    def _is_settled(self, lake: UPath, name: str, stamp: _Stamp) -> bool:
        known = self._known.get(name)
        if known is None or known[0] != stamp:  # a review rewrites the file
            said = read_statement(lake, name)
            known = self._known[name] = (stamp, said is not None and said.review is not None)
        return known[1]


def _weigh(waiting: dict[str, _Stamp]) -> int:
    return sum(size for size, _ in waiting.values())
