"""Keeps what a plan listed of a store, so that each part reads its own files from the listing, not from the store."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass
from typing import IO, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from model.dataset.digest_set import digest
from model.dataset.lake import Lake
from model.errors import DatasetError, in_one_line
from model.files import naming_full_disk, remove
from model.sources.declaration import Source
from model.sources.entries import Facts, ImageFile, Listed
from model.sources.remarks import Remark

_TEXTS: Final = ("path", "address", "etag", "stamp", "source", "label", "split", "generator", "collection")
_SCHEMA: Final = pa.schema(
    [*((name, pa.string()) for name in _TEXTS), ("size", pa.int64()), ("claims", pa.list_(pa.string()))]
)
_ABOUT: Final = "truegrain"
_HELD: Final = 50_000
"""Files that are held in memory until they are written, one group of rows for each part."""

_READ: Final = 1_000
"""Rows of a listing that are read at a time."""

_AGAIN: Final = "Run the task `plan` again, and the parts after it."


@dataclass(frozen=True)
class Found:
    """What a plan found in a source.

    - `new`: whether the source holds anything new.
    - `listed`: whether all images of the source are single files of a store. Then parts can read them from a listing.
    - `remarks`: what the listing of the source says.
    """

    new: bool
    listed: bool
    remarks: tuple[Remark, ...] = ()


def part_of(path: str, parts: int) -> int:
    """Return the number (from 1) of the part that an entry at `path` belongs to: only the hash of the path decides."""
    return int.from_bytes(digest(path)) % parts + 1


def listings(lake: Lake) -> UPath:
    """Return the folder of a lake that holds listings."""
    return lake.root / "listings"


def remove_listings(lake: Lake) -> None:
    """Remove the listings of all plans. A part without a listing lists its sources itself."""
    remove(listings(lake))


class ListingWriter:
    """Writes the listings of a plan's sources, one source after the other, in bounded memory.

    A listing is one Parquet file. Each group of rows holds files of one part, so that a part reads only its own. A
    listing that was not completed has no footer, and is refused. Raises StorageFull if there is no room.
    """

    def __init__(self, folder: UPath, *, plan: str, parts: int) -> None:
        self._folder, self._plan, self._parts = folder, plan, parts
        self._held: dict[int, list[dict[str, Any]]] = {}
        self._groups: list[int] = []
        self._count = 0
        self._open: tuple[IO[bytes], pq.ParquetWriter] | None = None

    def add(self, source: Source, file: ImageFile) -> None:
        """Add a file of `source` to the listing of the source."""
        self._held.setdefault(part_of(file.path, self._parts), []).append(_to_row(file))
        self._count += 1
        if self._count % _HELD == 0:
            self._write(source)

    def end(self, source: Source, found: Found) -> None:
        """Complete the listing of `source`; leave none if parts cannot read from it, or have nothing to read."""
        path = _path(self._folder, self._plan, source)
        if found.listed and self._held:
            self._write(source)
        if self._open is not None:
            about = _About(self._plan, self._parts, self._groups, [asdict(each) for each in found.remarks])
            with naming_full_disk(path):
                self._open[1].add_key_value_metadata({_ABOUT: json.dumps(asdict(about))})
                self._close()
            if not found.listed:
                remove(path)
        self._held, self._groups, self._count = {}, [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Remove the listings if the plan broke off: no part will read them."""
        if kind is not None:
            with suppress(OSError):  # the error that ended the plan matters more
                self._close()
            remove(self._folder / self._plan)

    def _close(self) -> None:
        if self._open is not None:
            file, writer = self._open
            self._open = None
            with file, writer:
                pass

    def _write(self, source: Source) -> None:
        path = _path(self._folder, self._plan, source)
        with naming_full_disk(path):
            if self._open is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.open("wb")
                self._open = file, pq.ParquetWriter(file, _SCHEMA, compression="zstd")
            for part in sorted(self._held):
                self._open[1].write_table(pa.Table.from_pylist(self._held[part], _SCHEMA), row_group_size=_HELD)
                self._groups.append(part)
        self._held = {}


@dataclass(frozen=True)
class Slice:
    """The files of one part in the listing at `path`, and what the listing says about the source."""

    path: UPath
    groups: tuple[int, ...]
    remarks: tuple[Remark, ...]

    def files(self) -> Iterator[ImageFile]:
        """Yield the files in the order of the source; raises DatasetError for a damaged listing."""
        with _reading(self.path), self.path.open("rb") as file:
            batches = pq.ParquetFile(file).iter_batches(_READ, row_groups=list(self.groups))
            for batch in batches:
                yield from map(_from_row, batch.to_pylist())


def open_slice(folder: UPath, source: Source, *, plan: str, number: int, parts: int) -> Slice | None:
    """Return what part `number` of `parts` reads of `source`; None if the plan left no listing of the source.

    Raises DatasetError for a listing that is cut off or damaged, and for one of another plan.
    """
    path = _path(folder, plan, source)
    if not plan or not path.exists():
        return None
    with _reading(path), path.open("rb") as file:
        metadata = pq.read_metadata(file).metadata or {}
        about = _About(**json.loads(metadata[_ABOUT.encode()]))
    if (about.plan, about.parts) != (plan, parts):
        raise DatasetError(
            f"The listing '{path}' is of the plan '{about.plan}' with {about.parts} parts, not of the plan '{plan}' "
            f"with {parts} parts. {_AGAIN}"
        )
    mine = tuple(group for group, part in enumerate(about.groups) if part == number)
    return Slice(path, mine, tuple(map(Remark.of, about.remarks)))


@dataclass(frozen=True)
class _About:
    """What a listing says of itself: its plan, the number of parts, the part of each group of rows, and the remarks."""

    plan: str
    parts: int
    groups: list[int]
    remarks: list[dict[str, Any]]


@contextmanager
def _reading(path: UPath) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's errors are ValueErrors or OSErrors
        raise DatasetError(f"The listing '{path}' cannot be read: {in_one_line(str(error))}. {_AGAIN}") from error


def _path(folder: UPath, plan: str, source: Source) -> UPath:
    return folder / plan / f"{digest(*astuple(source)).hex()}.parquet"


def _to_row(file: ImageFile) -> dict[str, Any]:
    return (
        asdict(file.listed)
        | asdict(file.facts)
        | {
            "path": file.path,
            "source": file.source,
            "claims": list(file.claims),
        }
    )


def _from_row(row: dict[str, Any]) -> ImageFile:
    return ImageFile(
        path=row["path"],
        listed=Listed(row["address"], row["size"], row["etag"], row["stamp"]),
        source=row["source"],
        facts=Facts(row["label"], row["split"], row["generator"], row["collection"]),
        claims=tuple(row["claims"]),
    )
