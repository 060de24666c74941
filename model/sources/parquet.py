"""Hugging Face Parquet as a source: shards with a struct that holds an image's bytes, and its label."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from model.errors import SourceError
from model.labels import AI, CLASSES, find_label, parse_label
from model.sources.class_folders import UNKNOWN_GENERATOR, find_split, read_split
from model.sources.csv_table import LABEL_COLUMNS
from model.sources.labelled_image import LabelledImage
from model.sources.shard_claims import class_names, find_claims
from model.sources.tree import READ_AT_MOST, Member, Tree

SUFFIXES = (".parquet",)
"""What a file must be called to be read as a shard."""

_GENERATOR = "generator"
_EVERY_ROW: Mapping[str, str] = MappingProxyType({})

_BYTES_AT_ONCE = 16_000_000
_MOST_ROWS_AT_ONCE = 16
"""Rows are read so many at once as fill the bytes on average, and never more: large images come one by one."""

_BUFFER_BYTES = 1 << 20
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Group:
    """A row group, the number of its first row in the shard, and how many of its rows are read at once."""

    number: int
    first_row: int
    rows_at_once: int


def is_shard(path: str) -> bool:
    """Whether `path` is called like a shard."""
    return path.lower().endswith(SUFFIXES)


def read_shards(tree: Tree) -> Iterator[LabelledImage]:
    """Yield the images of the Parquet files of a tree, a few rows in memory at a time, and choose them by row groups.

    Columns are found by their type and name: a struct with a field `bytes`, and one of LABEL_COLUMNS that holds words,
    or a ClassLabel's numbers with the names that the schema's `huggingface` metadata gives them. A column `generator`
    names that of an AI image. Rows without a label (null, -1) are logged and left out. Raises SourceError for a shard
    that is damaged or has no such columns, and ContradictingLabels for a label that contradicts a column titled like
    one (`class`, `is_real`), or the class folders of the shard or of the image's path.
    """
    found = False
    for member in tree.members():
        if is_shard(member.path):
            found = True
            yield from read_shard(member, tree)
    if not found:
        raise SourceError(f"'{tree.source}' holds no Parquet file.")


def read_shard(member: Member, tree: Tree, *, only: Mapping[str, str] = _EVERY_ROW) -> Iterator[LabelledImage]:
    """Like `read_shards`, of one file; of its rows only those with the words that `only` names by column."""
    if tree.choice.opens(member.path, member.stamp):
        with _opened(member) as shard:
            yield from _read_rows(shard, member, tree, only)


def column_names(member: Member) -> list[str]:
    """Return the names of a shard's columns; raises SourceError for a shard that is damaged."""
    with _opened(member) as shard:
        return list(shard.schema_arrow.names)


@contextmanager
def _opened(member: Member) -> Iterator[pq.ParquetFile]:
    try:
        with _seekable(member) as file:
            # With `pre_buffer`, the default, the whole file would stay in memory.
            yield pq.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceError(f"The Parquet file '{member.path}' cannot be read: {error}. Is it complete?") from error


def _read_rows(shard: pq.ParquetFile, member: Member, tree: Tree, only: Mapping[str, str]) -> Iterator[LabelledImage]:
    path, schema = member.path, shard.schema_arrow
    image, label = _columns(schema, path, needed=list(only))
    read_label = _label_reader(schema, label, path)
    claims = find_claims(schema, label, path)
    words = sorted({label, *only, *({_GENERATOR} & {*schema.names}), *claims.columns})
    split, stamp, unlabelled = _split(path), cache(member.stamp), 0
    groups = (group for group in _groups(shard) if tree.choice.takes(f"{path}#{group.number}", stamp))
    for struct, cells, row in chain.from_iterable(_rows(shard, group, image, words) for group in groups):
        if any(cells[name] != word for name, word in only.items()):
            continue
        found = read_label(cells[label])
        if found is None:
            unlabelled += 1
            continue
        if not only:  # of reports, whose label a person has judged, no file name is asked
            claims.compare(row, found, cells, image=_image_path(struct))
        yield LabelledImage(
            data=_data(struct, path, row),
            label=found,
            source=tree.source,
            origin=f"{path}#{row}",
            generator=(cells.get(_GENERATOR) or UNKNOWN_GENERATOR) if found == CLASSES[AI] else None,
            split=split,
        )
    if unlabelled:
        _log.warning("rows_without_label", source=tree.source, shard=path, count=unlabelled)


def _groups(shard: pq.ParquetFile) -> Iterator[_Group]:
    first = 0
    for number in range(shard.num_row_groups):
        group = shard.metadata.row_group(number)
        if group.num_rows:
            fitting = _BYTES_AT_ONCE * group.num_rows // max(group.total_byte_size, 1)
            yield _Group(number, first, max(1, min(_MOST_ROWS_AT_ONCE, fitting)))
        first += group.num_rows


def _rows(
    shard: pq.ParquetFile, group: _Group, image: str, words: list[str]
) -> Iterator[tuple[pa.StructScalar, dict[str, Any], int]]:
    """Yield image, cells and number of the rows of a group."""
    numbers = count(group.first_row)
    columns = [f"{image}.bytes", f"{image}.path", *words]
    for batch in shard.iter_batches(group.rows_at_once, row_groups=[group.number], columns=columns):
        # The numbers come last, for zip takes none of them once the others are at their end.
        yield from zip(batch.column(image), batch.select(words).to_pylist(), numbers, strict=False)


def _columns(schema: pa.Schema, path: str, *, needed: list[str]) -> tuple[str, str]:
    images = [field.name for field in schema if pa.types.is_struct(field.type) and "bytes" in _names(field.type)]
    labels = [field.name for field in schema if field.name.lower() in LABEL_COLUMNS]
    if not images or not labels or not set(needed) <= set(schema.names):
        raise SourceError(
            f"The Parquet file '{path}' holds no labelled images: its columns are {', '.join(schema.names)}. Needed "
            f"are a struct with a field 'bytes'{''.join(f', {name}' for name in needed)} and a label called one of "
            f"{', '.join(LABEL_COLUMNS)}."
        )
    return images[0], labels[0]


def _names(struct: pa.DataType) -> list[str]:
    return [struct.field(index).name for index in range(struct.num_fields)]


def _label_reader(schema: pa.Schema, column: str, path: str) -> Callable[[Any], str | None]:
    """Return what turns a cell into a label, or into None where there is none."""
    kind = schema.field(column).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return lambda value: None if value is None else parse_label(str(value))
    classes = class_names(schema, column)
    if not pa.types.is_integer(kind) or not classes:
        raise SourceError(
            f"The labels of the Parquet file '{path}' are of the type {kind}, and nothing says which of them is AI. "
            "Write them as words, or as a ClassLabel with names."
        )
    labels = [find_label(name) for name in classes]

    def read(value: int | None) -> str | None:
        if value is None or value == -1:
            return None
        label = labels[value] if 0 <= value < len(labels) else None
        return label or parse_label(classes[value] if 0 <= value < len(labels) else str(value))

    return read


def _data(struct: pa.StructScalar, path: str, row: int) -> bytes:
    if not (struct.is_valid and struct["bytes"].is_valid):
        raise SourceError(f"Row {row} of the Parquet file '{path}' has no bytes: the image lies elsewhere. Embed it.")
    return bytes(struct["bytes"].as_buffer()[:READ_AT_MOST])


def _image_path(struct: pa.StructScalar) -> str | None:
    return struct["path"].as_py() if "path" in _names(struct.type) else None


def _split(path: str) -> str | None:
    """Read the split off the folders, else off the shard's name: `test-00000-of-00004.parquet`."""
    return read_split(PurePosixPath(path).parent) or find_split(PurePosixPath(path).stem.partition("-")[0])


@contextmanager
def _seekable(member: Member) -> Iterator[IO[bytes]]:
    with member.open() as file:
        if member.seekable:
            yield file
        else:
            with TemporaryFile() as copy:
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                yield copy
