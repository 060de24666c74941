"""Previews a source: lists it, and reads a sample of its images. Nothing is written."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from structlog.testing import capture_logs

from model.dataset.digest_set import Digests
from model.dataset.examples import Examples
from model.dataset.ingest_parts import PartReader, Place, Watch
from model.dataset.intake import Intake, Row
from model.dataset.lake import to_frame
from model.dataset.outline import outline, sample_of
from model.dataset.preview import Preview
from model.dataset.shards import BATCH_SCHEMA
from model.errors import in_one_line
from model.sources.declaration import Source
from model.sources.entries import Facts
from model.sources.kinds import split_kind
from model.sources.remarks import Remark
from model.sources.synthetic import is_built_in
from model.sources.web.reach import PUBLIC, Reach

SAMPLE: Final = 500
"""Images that are read by default. All others are only listed."""

_COLUMNS: Final = pa.schema([column for column in BATCH_SCHEMA if column.name not in ("image", "ingested_at")])

_RECOGNISED: Final = "kind_recognised"

_WHY: Final = {
    "folders": "'{path}' lies below a folder that names its class",
    "genimage": "'{path}' lies in folders as GenImage has them: <generator>/<split>/<ai or nature>",
    "cnndetection": "'{path}' lies in a folder as CNNDetection has them: 0_real or 1_fake",
    "csv": "there are images outside folders of classes, and the table '{path}'",
    "webdataset": "images stand beside files of the same name that describe them",
    "parquet": "'{path}' is a Parquet file",
    "feedback": "the Parquet file '{path}' has the columns of users' reports",
}


_MOST_ENDINGS: Final = 50
"""Most endings of file names that are told."""


def preview_here(source: Source, *, sample: int = SAMPLE, reach: Reach = PUBLIC) -> Preview:
    """List a source in this process, and read about `sample` of its images.

    Raises SourceError for a source that cannot be read, contradicts itself, or cannot be understood.
    """
    told = Told()
    for message, image in tell(source, sample=sample, reach=reach):
        told.take(message, image)
    return told.preview(source)


def tell(
    source: Source, *, sample: int, reach: Reach, watch: Watch | None = None, without: Collection[Place] = ()
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield messages, some with the bytes of an image, from which `Told` makes a preview; the last one ends it.

    Images at the places `without` are not read. Raises SourceError as `preview_here` does.
    """
    with capture_logs() as logs:
        found = outline(source, reach)
        for facts, images in found.images.items():
            yield {"facts": asdict(facts), "images": images}, b""
        yield {"entries": found.entries, "endings": dict(found.endings.most_common(_MOST_ENDINGS))}, b""
        for log in logs:
            if log["event"] == _RECOGNISED:
                yield {"kind": log["kind"], "path": log["path"]}, b""
        for remark in found.remarks:
            yield {"about": asdict(remark)}, b""
        intake = Intake(Digests(), now=datetime.now(UTC))
        reader = PartReader(sample_of(source, found, sample), intake, seen=Digests(), reach=reach, watch=watch)
        for row in reader.rows(0, lambda _read, _new: None, without=without):
            image = row.pop("image")
            del row["ingested_at"]
            yield {"row": row}, image
    yield {"previewed": intake.tally.read}, b""


class Told:
    """Collects the messages about a source."""

    def __init__(self) -> None:
        self._images: Counter[Facts] = Counter()
        self._entries = self._read = 0
        self._endings: dict[str, int] = {}
        self._kind: tuple[str, str] | None = None
        self._remarks: list[Remark] = []
        self._rows: list[Row] = []
        self._examples = Examples()

    def take(self, told: Mapping[str, Any], image: bytes) -> bool:
        """Keep what a message tells; return whether it is the last one."""
        if "facts" in told:
            self._images[Facts(**told["facts"])] = told["images"]
        elif "entries" in told:
            self._entries, self._endings = told["entries"], told["endings"]
        elif "kind" in told:
            self._kind = self._kind or (told["kind"], in_one_line(str(told["path"])))
        elif "about" in told:
            self._remarks.append(Remark(**{**told["about"], "examples": tuple(told["about"]["examples"])}))
        elif "row" in told:
            self._rows.append(told["row"])
            if told["row"]["decode_error"] is None:
                self._examples.add(told["row"] | {"image": image})
        elif "previewed" in told:
            self._read = told["previewed"]
            return True
        return False

    def preview(self, source: Source, unread: tuple[tuple[str, str], ...] = ()) -> Preview:
        """Return the preview of a source of which everything was told, and which files were not read and why."""
        kind, because = _kind_of(source, self._kind)
        return Preview(
            source=source,
            kind=kind,
            because=because,
            entries=self._entries,
            images=self._images,
            endings=self._endings,
            remarks=tuple(self._remarks),
            rows=to_frame(pa.Table.from_pylist(self._rows, schema=_COLUMNS)),
            read=self._read,
            unread=unread,
            examples=tuple(self._examples.choose()),
        )


def _kind_of(source: Source, recognised: tuple[str, str] | None) -> tuple[str, str]:
    """Return the kind of a source, and why it is read as this kind."""
    if is_built_in(source.location):
        return "synthetic", "the location names the built-in images"
    named = split_kind(source.location)[0]
    if named is not None:
        return named, "the location names the kind"
    if recognised is not None:
        kind, path = recognised
        return kind, _WHY[kind].format(path=path)
    return "csv", "the location is a table"
