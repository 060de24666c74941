"""The child process: runs the job of its first frame, sends the results, and notes each item before opening it.

python -m model.dataset.contained <descriptor of the pipe> <descriptor of the notes>    (the frame comes by stdin)
"""

import os
import sys
import warnings
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any, Final

from upath import UPath

from model.dataset.contained.frames import encode, receive, send
from model.dataset.digest_set import Digests
from model.dataset.finding_new import find_new
from model.dataset.ingest_parts import Part, PartReader, Place
from model.dataset.intake import Intake, Tally
from model.dataset.previewing import tell
from model.errors import TruegrainError
from model.images.silence import silence_libtiff
from model.processes import limit_this_process
from model.sources.declaration import Source, declared_sources, require_image
from model.sources.remarks import Remark
from model.sources.web.reach import Reach

_LONGEST_PATH: Final = 2_000
_LONGEST_ERROR: Final = 8_000
"""Most characters of a path and of an error; JSON may write each character as twelve bytes."""


def main() -> int:
    """Run the job; return 0 if the parent was told how it ended, 2 if no frame came."""
    # Two lines in the task's log for each of the 60,000 tags that a file may have.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with os.fdopen(int(sys.argv[1]), "wb", buffering=1 << 20) as channel:
        frame = receive(sys.stdin.buffer)
        if frame is None:
            return 2
        request, data = frame
        limit_this_process(memory_bytes=request["memory_bytes"], step_seconds=request["seconds"])
        silence_libtiff()
        reach = Reach(tuple((host, port) for host, port in request["hosts"]), request["most_bytes"])
        try:
            _JOBS[request["job"]](request, data, reach, channel)
        except MemoryError:
            send(channel, {"memory": True})
        except TruegrainError as error:
            send(channel, {"error": type(error).__name__, "says": str(error)[:_LONGEST_ERROR]})
    return 0


class _Teller:
    """Notes the open items in a file that outlives the child, and tells the parent (buffered) which items were read."""

    def __init__(self, channel: IO[bytes], tally: Tally) -> None:
        self._channel = channel
        self._tally = tally
        self._opened: list[tuple[Place, str]] = []

    def begin(self, place: Place, path: str) -> None:
        self._opened.append((place, path[-_LONGEST_PATH:]))
        self._note()

    def end(self, key: bytes | None) -> None:
        place, _ = self._opened.pop()
        self._note()
        send(self._channel, {"end": place, "key": key.hex() if key else None, "read": self._tally.read})

    def note(self, inside: str, remark: Remark | None) -> None:
        self._tell_note(inside, {"remark": remark and asdict(remark), "skipped": False})

    def skip(self, inside: str) -> None:
        self._tell_note(inside, {"skipped": True})

    def give_up(self, path: str, reason: str) -> None:
        told = {"given_up": path[-_LONGEST_PATH:], "reason": reason[:_LONGEST_ERROR]}
        send(self._channel, {**told, "read": self._tally.read})

    def _tell_note(self, inside: str, note: dict[str, Any]) -> None:
        send(self._channel, {"note": inside[-_LONGEST_PATH:], "read": self._tally.read, **note})

    def _note(self) -> None:
        # One write: if the child is killed, the file holds this line or the previous one, never a part.
        os.pwrite(int(sys.argv[2]), encode(self._opened).encode() + b"\n", 0)


def _declare(request: dict[str, Any], _: bytes, reach: Reach, channel: IO[bytes]) -> None:
    for source in declared_sources(request["location"], reach):
        send(channel, {"source": asdict(source)})
    send(channel, {"declared": True})


def _plan(request: dict[str, Any], data: bytes, reach: Reach, channel: IO[bytes]) -> None:
    seen = Digests.from_bytes(data)
    for told in request["sources"]:
        found = find_new(
            Source.of(told),
            parts=request["parts"],
            seen=seen,
            reach=reach,
            record=lambda _, file: send(channel, {"file": asdict(file)}),
        )
        for remark in found.remarks:
            send(channel, {"remark": asdict(remark)})
        send(channel, {"new": found.new, "listed": found.listed})
        channel.flush()


def _look(request: dict[str, Any], _: bytes, reach: Reach, channel: IO[bytes]) -> None:
    for source in request["sources"]:
        image = require_image(Source.of(source), reach)
        send(channel, {"source": image.source if image else None})
        channel.flush()


def _collect(request: dict[str, Any], data: bytes, reach: Reach, channel: IO[bytes]) -> None:
    seen, known, taken_in = _split(data, request["lengths"])
    intake = Intake(known, now=datetime.fromisoformat(request["now"]), taken_in=taken_in)
    part, first = Part(**request["part"]), request["source"]
    listings = UPath(request["listings"]) if request["listings"] else None
    watch = _Teller(channel, intake.tally)
    reader = PartReader(part, intake, seen=seen, reach=reach, watch=watch, listings=listings)

    without = {tuple(place) for place in request["without"]}

    def tell(read: int, _: int) -> None:
        send(channel, {"progress": read})

    for number in range(first, len(part.sources)):
        after = tuple(request["after"]) if number == first else ()
        for row in reader.rows(number, tell, after=after, without=without):
            image = row.pop("image")
            del row["ingested_at"]  # the parent knows it
            assert isinstance(image, bytes)  # noqa: S101 - a row of an intake holds bytes
            send(channel, {"row": row, "read": intake.tally.read}, image)
        send(channel, {"done": number, "read": intake.tally.read})
        channel.flush()


def _preview(request: dict[str, Any], _: bytes, reach: Reach, channel: IO[bytes]) -> None:
    source, watch = Source.of(request["source"]), _Teller(channel, Tally())
    without = {tuple(place) for place in request["without"]}
    for message, image in tell(source, sample=request["sample"], reach=reach, watch=watch, without=without):
        send(channel, message, image)


def _split(data: bytes, lengths: list[int]) -> list[Digests]:
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    return [Digests.from_bytes(data[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


_JOBS = {"declare": _declare, "plan": _plan, "look": _look, "collect": _collect, "preview": _preview}

if __name__ == "__main__":
    sys.exit(main())
