"""Reads labelled images from Hugging Face Parquet shards, a few rows at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import count, repeat
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import SourceError, UnreadableSource
from model.labels import AI, CLASSES
from model.sources.class_folders import UNKNOWN_GENERATOR
from model.sources.csv_columns import COLLECTION_COLUMNS, GENERATOR_COLUMNS, SPLIT_COLUMNS, find_title
from model.sources.entries import Container, Entry, Facts, Item, tell
from model.sources.exported import TOLD, as_told, is_export
from model.sources.image_column import bytes_of, columns_of, path_of
from model.sources.labelled_image import LabelledImage
from model.sources.layout import read_split
from model.sources.remarks import Remarks
from model.sources.shard_claims import ShardClaims, find_claims
from model.sources.shard_columns import find_columns, label_reader, refuse_long_words, word_reader
from model.sources.splits import find_split
from model.sources.told import Told, read_told
from model.sources.tree import READ_AT_MOST, Member, Tree, refuse_bomb

SUFFIXES = (".parquet",)
"""The endings of file names that are read as shards."""

_EVERY_ROW: Mapping[str, str] = MappingProxyType({})

_BYTES_AT_ONCE = 16_000_000
_MOST_ROWS_AT_ONCE = 16
"""Rows that are read at once: as many as fill _BYTES_AT_ONCE on average, and never more than this number. Large images
come one by one."""

_USUAL_SWELLING = 4
"""Images hardly shrink. If rows unpack to more than this multiple of their size, they may share one value, which
reading multiplies. Such rows are read one at a time."""

_BUFFER_BYTES = 1 << 20
_LFS = b"version https://git-lfs"
_LONGEST_POINTER = 500


@dataclass(frozen=True)
class _Group:
    """A row group, the number of its first row in the shard, and how many of its rows are read at once."""

    number: int
    first_row: int
    rows_at_once: int


def is_shard(path: str) -> bool:
    """Whether a file at `path` is read as a shard."""
    return path.lower().endswith(SUFFIXES)


def list_shards(tree: Tree) -> Iterator[Item]:
    """List the Parquet files of a tree, whose entries are row groups; a few rows are in memory at a time.

    Columns are found by their type and name:

    1. The image is a struct with a field `bytes`, or plain bytes.
    2. The label is one of LABEL_COLUMNS, with words or with a ClassLabel's numbers, or else any ClassLabel whose
       names are classes. The schema's `huggingface` metadata give the names of the numbers.
    3. Columns such as `generator`, `source` and `split` say more, in words or as a ClassLabel's numbers.

    Rows without a label (null, -1) are left out, with a remark. Raises SourceError for a shard that is damaged or lacks
    the image or the label. Raises ContradictingLabels for a label that contradicts a column such as `is_real`, or
    a class folder in the path of shard or image.
    """
    found, remarks = False, Remarks()
    for member in tree.members(remarks):
        if is_shard(member.path):
            found = True
            yield container_of(member, source=tree.source)
        else:
            remarks.add("Left out: a file that is no Parquet file, beside Parquet files.", member.path)
    yield from tell(remarks)
    if not found:
        raise SourceError(f"'{tree.source}' holds no Parquet file.")


def container_of(
    member: Member, *, source: str, split: str | None = None, only: Mapping[str, str] = _EVERY_ROW
) -> Container:
    """Return one Parquet file as `list_shards` does; without a `split`, its path names the split.

    `only` maps columns to words: rows that hold another word in such a column are left out.
    """
    return Container(member.path, partial(_list_groups, member, source, split, only), member.stamp, member.revision)


def column_names(member: Member) -> list[str]:
    """Return the names of a shard's columns; raises SourceError for a shard that is damaged."""
    with _opened(member) as (shard, _):
        return list(shard.schema_arrow.names)


@contextmanager
def _opened(member: Member) -> Iterator[tuple[pq.ParquetFile, int]]:
    """Open a shard; yields the shard and its size in bytes."""
    with _readable(member), member.open_seekable() as file:
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
        raise UnreadableSource(
            f"The Parquet file '{member.path}' cannot be read: {error}. {_what_it_is(member)}"
        ) from error


def _what_it_is(member: Member) -> str:
    """Return what a file that is no Parquet file seems to be instead."""
    start = member.read(_LONGEST_POINTER + 1)
    if start.startswith(_LFS):
        return "It is a pointer of Git LFS. Fetch the file itself (git lfs pull)."
    if len(start) <= _LONGEST_POINTER and start.startswith(b"../"):
        return "It holds the text of a link. Copy the file in place of the link (cp -L)."
    return "Is it complete?"


def _list_groups(member: Member, source: str, split: str | None, only: Mapping[str, str]) -> Iterator[Entry]:
    with _opened(member) as (file, size):
        shard, stamp = _Shard.of(file, size, member, source, split, only), cache(member.stamp)
        for group in _groups(file, size, member.path):
            read, known = partial(shard.read, group), partial(shard.know, group)
            yield Entry(f"{member.path}#{group.number}", read, stamp, known=known)
        yield from tell(replace(remark, of_rows=True) for remark in shard.remarks)


@dataclass
class _Shard:
    """An opened shard: the columns of images and labels, the readers of further ones, and the bytes `unpacked`."""

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
    words: dict[str, tuple[str, Callable[[Any], str]]]
    unpacked: int = 0
    remarks: Remarks = field(default_factory=Remarks)

    @property
    def exported(self) -> bool:
        """Whether the shard is an export of a dataset version, whose rows say where each image came from."""
        return is_export(self.file.schema_arrow.metadata)

    @classmethod
    def of(
        cls, file: pq.ParquetFile, size: int, member: Member, source: str, split: str | None, only: Mapping[str, str]
    ) -> "_Shard":
        schema, path = file.schema_arrow, member.path
        image, labels = find_columns(schema, path, needed=list(only))
        label = next((name for name in labels if len(labels) > 1 and _names_labels(file, name)), labels[0])
        read_label, claims = label_reader(schema, label, path), find_claims(schema, label, path)
        asked = {"generator": GENERATOR_COLUMNS} | (
            {} if only else {"collection": COLLECTION_COLUMNS, "split": SPLIT_COLUMNS}
        )
        found = {what: find_title(schema.names, titles) for what, titles in asked.items()}
        columns = {what: schema.names[index] for what, index in found.items() if index is not None}
        words = {
            what: (column, word_reader(schema, column, path)) for what, column in columns.items() if column != label
        }
        split = split or _split(path)
        return cls(file, size, member, source, split, only, image, label, read_label, claims, words)

    def read(self, group: _Group) -> Iterator[LabelledImage]:
        """Yield the images of a group's rows."""
        with _readable(self.member):
            for struct, cells, facts, row in self._labelled(group, "bytes", "path"):
                image = LabelledImage(
                    data=self._data(struct, row),
                    label=facts.label,
                    source=self.source,
                    origin=f"{self.member.path}#{row}",
                    generator=facts.generator,
                    split=facts.split,
                    collection=facts.collection,
                )
                yield as_told(image, cells) if self.exported else image

    def know(self, group: _Group) -> Iterator[Facts]:
        """Yield what a group's rows say about their images, without reading the images."""
        with _readable(self.member):
            for _, _, facts, _ in self._labelled(group, "path"):
                yield facts

    def _labelled(self, group: _Group, *fields: str) -> Iterator[tuple[Any, dict[str, Any], Facts, int]]:
        """Yield image, cells, facts and number of each row with a label; of the image only `fields` are read."""
        for struct, cells, row in self._rows(group, *fields):
            if any(cells[name] != word for name, word in self.only.items()):
                continue
            found = self._label(cells[self.label], row)
            if found is None:
                path = self.member.path
                self.remarks.add(f"Left out: a row of the shard '{path}' without a label.", f"{path}#{row}")
                continue
            if not self.only:  # a person has judged a report's label, so its file name is ignored
                self.claims.compare(row, found, cells, image=path_of(struct))
            told = read_told(*(self._word(what, cells) for what in ("split", "generator", "collection")))
            generator = (told.generator or UNKNOWN_GENERATOR) if found == CLASSES[AI] else None
            yield struct, cells, Facts(found, self._split(told, cells, row), generator, told.collection), row

    def _label(self, value: Any, row: int) -> str | None:
        try:
            return self.read_label(value)
        except SourceError as error:
            raise SourceError(f"Row {row} of the Parquet file '{self.member.path}': {error}") from error

    def _word(self, what: str, cells: Mapping[str, Any]) -> str:
        column, read = self.words.get(what, ("", lambda _: ""))
        return read(cells.get(column))

    def _split(self, told: Told, cells: Mapping[str, Any], row: int) -> str | None:
        word, path = self._word("split", cells), self.member.path
        if word and told.split is None:
            self.remarks.add(
                f"The shard '{path}' gives the split '{word[:50]}', which is not understood: these images are divided "
                "as if they had none. Known are train, val and test.",
                f"{path}#{row}",
                warns=True,
            )
        if told.split and self.split and told.split != self.split:
            raise SourceError(
                f"Row {row} of the Parquet file '{path}' contradicts the file's path about the split: '{told.split}' "
                f"and '{self.split}'. Correct the one that is wrong."
            )
        return told.split or self.split

    def _rows(self, group: _Group, *fields: str) -> Iterator[tuple[Any, dict[str, Any], int]]:
        """Yield image, cells and number of each row of a group; the image is None if it has none of the `fields`."""
        further = {column for column, _ in self.words.values()}
        if self.exported:
            further |= {*TOLD} & {*self.file.schema_arrow.names}
        words = sorted({self.label, *self.only, *further, *self.claims.columns})
        of_image = columns_of(self.file.schema_arrow, self.image, fields)
        columns = [*of_image, *words]
        numbers = count(group.first_row)
        for batch in self.file.iter_batches(group.rows_at_once, row_groups=[group.number], columns=columns):
            images = batch.column(self.image) if of_image else repeat(None, len(batch))
            refuse_long_words(batch, self.image, words, self.member.path)
            # The numbers come last: zip takes no number once the rows have ended.
            yield from zip(images, batch.select(words).to_pylist(), numbers, strict=False)

    def _data(self, struct: pa.Scalar, row: int) -> bytes:
        found = bytes_of(struct)
        if found is None:
            raise SourceError(
                f"Row {row} of the Parquet file '{self.member.path}' has no bytes: the image lies elsewhere. Embed it."
            )
        buffer = found.as_buffer()
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


def _names_labels(shard: pq.ParquetFile, column: str) -> bool:
    """Whether the first rows of a column name labels, as far as they name anything."""
    try:
        read = label_reader(shard.schema_arrow, column, "")
        batch = next(shard.iter_batches(_MOST_ROWS_AT_ONCE, columns=[column]), None)
        for value in batch.column(0).to_pylist() if batch else ():
            read(value)
    except SourceError:
        return False
    return True


def _split(path: str) -> str | None:
    """Return the split that the folders name, else the shard's name: `test-00000-of-00004.parquet`."""
    return read_split(PurePosixPath(path).parent) or find_split(PurePosixPath(path).stem.partition("-")[0])
