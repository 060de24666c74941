"""Reads labelled images from Hugging Face Parquet shards, a few rows at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from model.errors import SourceError
from model.labels import AI, CLASSES
from model.sources.class_folders import UNKNOWN_GENERATOR, find_split, read_split
from model.sources.entries import Container, Entry
from model.sources.labelled_image import LabelledImage
from model.sources.shard_claims import ShardClaims, find_claims
from model.sources.shard_columns import field_names, find_columns, label_reader, refuse_long_words
from model.sources.tree import READ_AT_MOST, Member, Tree, refuse_bomb
from model.sources.web.download import open_copy

SUFFIXES = (".parquet",)
"""The endings of file names that are read as shards."""

_GENERATOR = "generator"
_EVERY_ROW: Mapping[str, str] = MappingProxyType({})

_BYTES_AT_ONCE = 16_000_000
_MOST_ROWS_AT_ONCE = 16
"""Rows that are read at once: as many as fill _BYTES_AT_ONCE on average, and never more than this number. Large images
come one by one."""

_USUAL_SWELLING = 4
"""Images hardly shrink. If rows unpack to more than this multiple of their size, they may share one value, which
reading multiplies. Such rows are read one at a time."""

_BUFFER_BYTES = 1 << 20
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Group:
    """A row group, the number of its first row in the shard, and how many of its rows are read at once."""

    number: int
    first_row: int
    rows_at_once: int


def is_shard(path: str) -> bool:
    """Whether a file at `path` is read as a shard."""
    return path.lower().endswith(SUFFIXES)


def list_shards(tree: Tree) -> Iterator[Container]:
    """List the Parquet files of a tree, whose entries are row groups; a few rows are in memory at a time.

    Columns are found by their type and name:

    1. The image is a struct with a field `bytes`.
    2. The label is one of LABEL_COLUMNS, with words or with a ClassLabel's numbers. The schema's `huggingface` metadata
       give the names of the numbers.
    3. A column `generator` names the generator of an AI image.

    Rows without a label (null, -1) are logged and left out. Raises SourceError for a shard that is damaged or lacks the
    image or the label. Raises ContradictingLabels for a label that contradicts a column such as `is_real`, or
    a class folder in the path of shard or image.
    """
    found = False
    for member in tree.members():
        if is_shard(member.path):
            found = True
            yield container_of(member, source=tree.source)
    if not found:
        raise SourceError(f"'{tree.source}' holds no Parquet file.")


def container_of(
    member: Member, *, source: str, split: str | None = None, only: Mapping[str, str] = _EVERY_ROW
) -> Container:
    """Return one Parquet file as `list_shards` does; without a `split`, its path names the split.

    `only` maps columns to words: rows that hold another word in such a column are left out.
    """
    return Container(member.path, partial(_list_groups, member, source, split, only), member.stamp)


def column_names(member: Member) -> list[str]:
    """Return the names of a shard's columns; raises SourceError for a shard that is damaged."""
    with _opened(member) as (shard, _):
        return list(shard.schema_arrow.names)


@contextmanager
def _opened(member: Member) -> Iterator[tuple[pq.ParquetFile, int]]:
    """Open a shard; yields the shard and its size in bytes."""
    with _readable(member), _seekable(member) as file:
        size = file.seek(0, 2)
        # With `pre_buffer`, the default, the whole file would stay in memory.
        yield pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False), size


@contextmanager
def _readable(member: Member) -> Iterator[None]:
    try:
        yield
    except MemoryError:  # Arrow's own MemoryError is an ArrowException, too
        raise
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceError(f"The Parquet file '{member.path}' cannot be read: {error}. Is it complete?") from error


def _list_groups(member: Member, source: str, split: str | None, only: Mapping[str, str]) -> Iterator[Entry]:
    with _opened(member) as (file, size):
        shard, stamp = _Shard.of(file, size, member, source, split, only), cache(member.stamp)
        for group in _groups(file, size, member.path):
            yield Entry(f"{member.path}#{group.number}", partial(shard.read, group), stamp)
        if shard.unlabelled:
            _log.warning("rows_without_label", source=source, shard=member.path, count=shard.unlabelled)


@dataclass
class _Shard:
    """An opened shard: the columns of images and labels, the bytes `unpacked`, and the rows that are `unlabelled`."""

    file: pq.ParquetFile
    size: int
    member: Member
    source: str
    split: str | None
    only: Mapping[str, str]
    image: str
    label: str
    read_label: Callable[[Any], str | None]
    claims: ShardClaims
    unpacked: int = 0
    unlabelled: int = 0

    @classmethod
    def of(
        cls, file: pq.ParquetFile, size: int, member: Member, source: str, split: str | None, only: Mapping[str, str]
    ) -> "_Shard":
        schema, path = file.schema_arrow, member.path
        image, label = find_columns(schema, path, needed=list(only))
        read_label, claims = label_reader(schema, label, path), find_claims(schema, label, path)
        return cls(file, size, member, source, split or _split(path), only, image, label, read_label, claims)

    def read(self, group: _Group) -> Iterator[LabelledImage]:
        """Yield the images of a group's rows."""
        with _readable(self.member):
            yield from self._read(group)

    def _read(self, group: _Group) -> Iterator[LabelledImage]:
        path = self.member.path
        for struct, cells, row in self._rows(group):
            if any(cells[name] != word for name, word in self.only.items()):
                continue
            found = self.read_label(cells[self.label])
            if found is None:
                self.unlabelled += 1
                continue
            if not self.only:  # a person has judged a report's label, so its file name is ignored
                self.claims.compare(row, found, cells, image=_image_path(struct))
            yield LabelledImage(
                data=self._data(struct, row),
                label=found,
                source=self.source,
                origin=f"{path}#{row}",
                generator=(cells.get(_GENERATOR) or UNKNOWN_GENERATOR) if found == CLASSES[AI] else None,
                split=self.split,
            )

    def _rows(self, group: _Group) -> Iterator[tuple[pa.StructScalar, dict[str, Any], int]]:
        """Yield image, cells and number of each row of a group."""
        generator = {_GENERATOR} & {*self.file.schema_arrow.names}
        words = sorted({self.label, *self.only, *generator, *self.claims.columns})
        columns = [f"{self.image}.bytes", f"{self.image}.path", *words]
        numbers = count(group.first_row)
        for batch in self.file.iter_batches(group.rows_at_once, row_groups=[group.number], columns=columns):
            refuse_long_words(batch, self.image, words, self.member.path)
            # The numbers come last: zip takes no number once the rows have ended.
            yield from zip(batch.column(self.image), batch.select(words).to_pylist(), numbers, strict=False)

    def _data(self, struct: pa.StructScalar, row: int) -> bytes:
        if not (struct.is_valid and struct["bytes"].is_valid):
            raise SourceError(
                f"Row {row} of the Parquet file '{self.member.path}' has no bytes: the image lies elsewhere. Embed it."
            )
        buffer = struct["bytes"].as_buffer()
        self.unpacked += buffer.size
        refuse_bomb(_what(self.member.path), self.unpacked, self.size)
        return bytes(buffer[:READ_AT_MOST])


def _groups(shard: pq.ParquetFile, size: int, path: str) -> Iterator[_Group]:
    """List the row groups of a shard of `size` bytes; raises SourceError if its metadata announce a bomb."""
    first = unpacked = 0
    for number in range(shard.num_row_groups):
        group = shard.metadata.row_group(number)
        unpacked += group.total_byte_size
        refuse_bomb(_what(path), unpacked, size)
        if group.num_rows:
            fitting = _BYTES_AT_ONCE * group.num_rows // max(group.total_byte_size, 1)
            # Estimated from the rows: asking pyarrow 25 for the size of a column with broken metadata ends the process.
            share = size * group.num_rows / shard.metadata.num_rows
            swells = group.total_byte_size > _USUAL_SWELLING * share
            yield _Group(number, first, 1 if swells else max(1, min(_MOST_ROWS_AT_ONCE, fitting)))
        first += group.num_rows


def _what(path: str) -> str:
    return f"The Parquet file '{path}'"


def _image_path(struct: pa.StructScalar) -> str | None:
    """Return the path of an image; None if there is no path, or if the path is no text."""
    path = struct["path"].as_py() if "path" in field_names(struct.type) else None
    return path if isinstance(path, str) else None


def _split(path: str) -> str | None:
    """Return the split that the folders name, else the shard's name: `test-00000-of-00004.parquet`."""
    return read_split(PurePosixPath(path).parent) or find_split(PurePosixPath(path).stem.partition("-")[0])


@contextmanager
def _seekable(member: Member) -> Iterator[IO[bytes]]:
    with member.open() as file:
        if member.seekable:
            yield file
        else:
            with open_copy(file) as copy:
                yield copy
