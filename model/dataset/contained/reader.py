"""Reads sources in a child process: whether anything is new, the names of the sources, and the rows of a part."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Self

from upath import UPath

from model.dataset.contained.budget import Budget
from model.dataset.contained.child import Child
from model.dataset.digest_set import Digests
from model.dataset.finding_new import Record
from model.dataset.ingest_parts import Part, Place, keep_note, tell_unread
from model.dataset.intake import Progress, Row, Tally, taken_in
from model.dataset.listing import Found
from model.errors import SourceError, UnreadableSource
from model.sources.declaration import Source, is_declaration
from model.sources.entries import ImageFile
from model.sources.remarks import Remark
from model.sources.web.reach import Reach
from model.sources.web.secrets import without_secrets

MOST_UNREAD: Final = 20
"""Most files of a part that may be over a limit: each costs a child, and more are hardly an accident."""


def sources_of(location: str, *, reach: Reach, budget: Budget) -> tuple[Source, ...]:
    """Return what `declared_sources` does; raises SourceError as it does, and for a declaration over a limit."""
    itself, found = Source(location=location), list[Source]()
    if not is_declaration(location):
        return (itself,)
    child = Child("declare", {"location": location}, b"", budget=budget, reach=reach)
    try:
        while (frame := child.receive()) and "source" in frame[0]:
            found.append(Source.of(frame[0]["source"]))
        if frame is None:
            raise _unreadable(itself, child.end())
    finally:
        child.end()
    return tuple(found)


def find_new_contained(
    sources: Sequence[Source], *, parts: int, seen: Digests, reach: Reach, budget: Budget, record: Record
) -> Iterator[Found]:
    """Yield the result of `find_new` for each source; call `record` as `find_new` does, with the next source's files.

    Raises SourceError as `find_new` does, and for a source over a limit.
    """
    request = {"parts": parts, "sources": [asdict(source) for source in sources]}
    child = Child("plan", request, seen.to_bytes(), budget=budget, reach=reach)
    try:
        for source in sources:
            remarks = list[Remark]()
            while (frame := child.receive()) and "new" not in frame[0]:
                if "file" in frame[0]:
                    record(source, ImageFile.of(frame[0]["file"]))
                else:
                    remarks.append(Remark.of(frame[0]["remark"]))
            if frame is None:
                raise _unreadable(source, child.end())
            yield Found(frame[0]["new"], frame[0]["listed"], tuple(remarks))
    finally:
        child.end()


def names_of(sources: Sequence[Source], *, reach: Reach, budget: Budget) -> list[str | None]:
    """Return the name that each source gives itself; None for an empty source that may be empty.

    Raises SourceError as `require_image` does, and for a source over a limit.
    """
    names = []
    child = Child("look", {"sources": [asdict(source) for source in sources]}, b"", budget=budget, reach=reach)
    try:
        for source in sources:
            frame = child.receive()
            if frame is None:
                raise _unreadable(source, child.end())
            names.append(frame[0]["source"])
    finally:
        child.end()
    return names


class ContainedReader:
    """Reads the sources of a part like a PartReader, but in a child. Files over a limit count as `unread`."""

    def __init__(
        self,
        part: Part,
        *,
        known: Digests,
        seen: Digests,
        now: datetime,
        reach: Reach,
        budget: Budget,
        listings: UPath | None = None,
    ) -> None:
        self.keys = Digests()
        self.notes: dict[int, dict[str, list[Remark] | None]] = {}
        self.tally = Tally()
        self._part, self._known, self._seen, self._now = part, known, seen, now
        self._reach, self._budget, self._listings = reach, budget, listings
        self._over_limit = 0
        self._taken_in = Digests()
        self._child: Child | None = None
        self._read_by_others = 0
        self._after: Place = ()
        self._left_out: set[Place] = set()
        self._spoilt: set[Place] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_child()

    def rows(self, number: int, progress: Progress) -> Iterator[Row]:
        """Yield the rows of the part's source `number` (from 0); call it for one number after another.

        Raises SourceError as `read_part` does, and in three more cases:

        1. The source cannot be listed within the limits.
        2. Nothing of the source can be read within the limits.
        3. More than MOST_UNREAD files are over a limit.
        """
        self._after, self._left_out, self._spoilt = (), set(), set()
        source, read_before, reason = self._part.sources[number], self.tally.read, ""
        while True:
            self._child = self._child or self._start(number)
            frame = self._child.receive()
            if frame is None:
                opened = self._child.opened()
                reason = self._end_child()
                self._give_up(source, opened, reason)
                continue
            told, image = frame
            self.tally.read = self._read_by_others + told.get("read", self.tally.read - self._read_by_others)
            if "row" in told:
                yield self._take(told["row"], image)
            elif "end" in told:
                self._end(tuple(told["end"]), told["key"])
            elif "given_up" in told:
                self.tally.unread += 1
                tell_unread(source, told["given_up"], told["reason"])
            elif "note" in told:
                self._note(number, told)
            elif "progress" in told:
                progress(self._read_by_others + told["progress"], self.tally.added)
            elif told.get("done") == number:
                if reason and self.tally.read == read_before:
                    raise _unreadable(source, reason)
                return

    def _start(self, number: int) -> Child:
        self._read_by_others = self.tally.read
        data = [digests.to_bytes() for digests in (self._seen, self._known, self._taken_in)]
        request = {
            "part": asdict(self._part),
            "listings": None if self._listings is None else str(self._listings),
            "now": self._now.isoformat(),
            "source": number,
            "after": self._after,
            "without": sorted(self._left_out),
            "lengths": [len(digests) for digests in data],
        }
        return Child("collect", request, b"".join(data), budget=self._budget, reach=self._reach)

    def _end_child(self) -> str:
        child, self._child = self._child, None
        return child.end() if child else ""

    def _take(self, row: Row, image: bytes) -> Row:
        self.tally.added += 1
        self.tally.undecodable += row["decode_error"] is not None
        claim = ("sha256", "label", "split_hint", "source", "generator")
        self._taken_in.add(taken_in(*(row[name] for name in claim)))
        return row | {"image": image, "ingested_at": self._now}

    def _end(self, place: Place, key: str | None) -> None:
        self._after = place
        if key and place not in self._spoilt:
            self.keys.add(bytes.fromhex(key))

    def _note(self, number: int, told: dict[str, Any]) -> None:
        if told["skipped"]:
            self.notes.setdefault(number, {})[told["note"]] = None
        else:
            keep_note(self.notes, number, told["note"], told["remark"] and Remark.of(told["remark"]))

    def _give_up(self, source: Source, opened: list[tuple[Place, str]], reason: str) -> None:
        """Leave out the item that was open when a child ended; the next child goes on after the last item reported."""
        if not opened:
            raise _unreadable(source, reason)
        self.tally.unread += 1
        self._over_limit += 1
        name, path = without_secrets(source.location), " in ".join(path for _, path in reversed(opened))
        tell_unread(source, path, reason)
        if self._over_limit > MOST_UNREAD:
            raise SourceError(
                f"More than {MOST_UNREAD} files are over a limit, the last of them '{path}' of the source '{name}': "
                f"{reason}. Remove such files from the source, or raise the limit if the files are genuine."
            )
        self._left_out.add(opened[-1][0])
        # The next run opens the containers of an unread file again.
        self._spoilt |= {place for place, _ in opened}


def _unreadable(source: Source, reason: str) -> UnreadableSource:
    return UnreadableSource(
        f"The source '{without_secrets(source.location)}' cannot be read: {reason}. Check what the source "
        "holds; raise the limit if its files are genuine."
    )
