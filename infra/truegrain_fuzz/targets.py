"""The fuzzed parsers of untrusted data. Each takes any bytes, and may only fail with the errors that it documents."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from model.detectors import artifact
from model.detectors.artifact import Card
from model.detectors.detector import Detector
from model.errors import ArtifactError, InvalidImage, SourceError
from model.images.decoding import Limits, decode
from model.images.provenance.reading import read_provenance
from model.settings import Settings
from model.sources import archive, csv_table, sample_words
from model.sources.kinds import read_source
from service.answers.receipts import NotSigned, make_key
from service.app import create_app
from truegrain_fuzz import seeds
from truegrain_rig.served import point_at
from truegrain_rig.tiny_detector import write_tiny

_SMALL: Final = Limits(max_bytes=1_000_000, max_pixels=250_000)
"""Bounds under which an image decodes quickly; the code that refuses larger images is the service's."""

_STARTING: Final = 503
_SERVER_ERROR: Final = 500

Parse = Callable[[bytes], None]


class BrokenPromise(Exception):
    """A parser did something that it must not do; the message says what."""


@dataclass(frozen=True)
class Target:
    """A parser. `open` prepares it in an empty folder that lasts as long as the run; `seeds` are its first inputs."""

    open: Callable[[Path], Parse]
    seeds: Callable[[], Iterator[bytes]]
    most_bytes: int = 4_096


def _open_image(_: Path) -> Parse:
    def parse(data: bytes) -> None:
        with suppress(InvalidImage):
            read_provenance(data, format_=decode(data, limits=_SMALL).format)

    return parse


def _open_receipt(folder: Path) -> Parse:
    notary = make_key(folder / "key.pem")

    def parse(data: bytes) -> None:
        with suppress(NotSigned):
            notary.read(data.decode("utf-8", "replace"))
            raise BrokenPromise("a receipt was accepted that the key never signed")

    return parse


def _open_request(folder: Path) -> Parse:
    """Send requests to the service. The first two bytes choose the route and the content type."""
    point_at(folder, write_tiny(folder / "tiny"), version="1")
    make_key(folder / "receipts.pem")
    chosen = {
        "TRUEGRAIN_HOME": str(folder),
        "TRUEGRAIN_MAX_UPLOAD_BYTES": str(_SMALL.max_bytes),
        "TRUEGRAIN_MAX_PIXELS": str(_SMALL.max_pixels),
        "TRUEGRAIN_RECEIPT_KEY": str(folder / "receipts.pem"),
    }
    client = create_app(Settings.from_environment(chosen)).test_client()

    def parse(data: bytes) -> None:
        route, kind = seeds.ROUTES[data[0] % len(seeds.ROUTES)], seeds.TYPES[data[1] % len(seeds.TYPES)]
        answer = client.post(route, data=data[2:], content_type=kind)
        if answer.status_code >= _SERVER_ERROR and answer.status_code != _STARTING:
            raise BrokenPromise(f"POST {route} as '{kind}' was answered {answer.status_code}: {answer.text[:500]}")

    return lambda data: parse(data) if len(data) > len("rt") else None


def _open_archive(folder: Path) -> Parse:
    """Read archives as sources. The first byte chooses the suffix."""

    def parse(data: bytes) -> None:
        suffix = archive.SUFFIXES[data[0] % len(archive.SUFFIXES)]
        _read_as_source(folder / f"fuzzed{suffix}", data[1:])

    return lambda data: parse(data) if data else None


def _open_shard(folder: Path) -> Parse:
    return lambda data: _read_as_source(folder / "fuzzed.parquet", data)


def _open_table(_: Path) -> Parse:
    def parse(data: bytes) -> None:
        with suppress(SourceError):
            list(csv_table.read_table(data, path="fuzzed.csv") or ())

    return parse


def _open_json_lines(_: Path) -> Parse:
    def parse(data: bytes) -> None:
        with suppress(SourceError):
            list(csv_table.read_table(data, path="fuzzed.jsonl") or ())

    return parse


def _open_words(_: Path) -> Parse:
    """Read what describes an image. The first byte chooses the suffix."""

    def parse(data: bytes) -> None:
        suffix = sample_words.SUFFIXES[data[0] % len(sample_words.SUFFIXES)]
        with suppress(SourceError):
            sample_words.read_words({suffix: data[1:]}, "real/a.jpg")

    return lambda data: parse(data) if data else None


def _open_card(_: Path) -> Parse:
    def parse(data: bytes) -> None:
        with suppress(ArtifactError):
            Card.from_json(data)

    return parse


def _open_golden(folder: Path) -> Parse:
    """Load a detector whose golden.npz consists of the bytes."""
    write_tiny(folder)

    def parse(data: bytes) -> None:
        (folder / artifact.GOLDEN).write_bytes(data)
        with suppress(ArtifactError):
            Detector.load(folder)

    return parse


def _read_as_source(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with suppress(SourceError):
        for image in read_source(str(path)):
            with suppress(InvalidImage):
                decode(image.data, limits=_SMALL)


TARGETS: Final = MappingProxyType(
    {
        "image": Target(_open_image, seeds.images),
        "receipt": Target(_open_receipt, seeds.receipts),
        "request": Target(_open_request, seeds.requests),
        "archive": Target(_open_archive, seeds.archives, most_bytes=16_384),
        "shard": Target(_open_shard, seeds.shards, most_bytes=8_192),
        "table": Target(_open_table, seeds.tables),
        "json_lines": Target(_open_json_lines, seeds.json_lines),
        "words": Target(_open_words, seeds.words),
        "card": Target(_open_card, seeds.cards),
        "golden": Target(_open_golden, seeds.golden_arrays, most_bytes=16_384),
    }
)
"""Every target by its name."""
