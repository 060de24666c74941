"""Exports a dataset version into an empty folder or URL, with its data card."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import IO, Any, Final, cast

import pandas as pd
from upath import UPath

from model.dataset.card.croissant import PARQUET, ListedFile, Subject, beside, columns_of, count_images, describe
from model.dataset.card.version_card import FILE
from model.dataset.export.parquet import columns, write_parquet
from model.dataset.export.shards import Shard, cut, read_rows
from model.dataset.export.webdataset import write_webdataset
from model.dataset.lake import Lake
from model.dataset.manifest import version_id
from model.dataset.validation import read_validation
from model.errors import DatasetError
from model.files import write_text, write_whole
from model.sources.web.secrets import without_secrets


@dataclass(frozen=True)
class Exported:
    """What an export wrote: numbers of images and files, and of the `withdrawn` images that were left out.

    `again` is the id of the version that a new lake makes of the export on the day of `version`. It is the id of
    `version`, unless validation refused single images of the version or some were withdrawn.
    """

    version: str
    images: int
    files: int
    withdrawn: int
    again: str


@dataclass(frozen=True)
class _Format:
    """How the images of a shard are written, and how a card describes the files."""

    ending: str
    media_type: str
    write: Callable[..., None]
    resource: Mapping[str, Any]
    fields: Sequence[Mapping[str, Any]]


_SHARDS: Final = {"fileSet": {"@id": "shards"}}

_FORMATS: Final[Mapping[str, _Format]] = MappingProxyType(
    {
        "parquet": _Format(
            ending=".parquet",
            media_type=PARQUET,
            write=write_parquet,
            resource={"includes": "data/*.parquet", "encodingFormat": PARQUET},
            fields=columns_of(columns(), _SHARDS),
        ),
        "webdataset": _Format(
            ending=".tar",
            media_type="application/x-tar",
            write=write_webdataset,
            resource={"includes": "*.json", "encodingFormat": "application/json"},
            fields=beside(_SHARDS),
        ),
    }
)

FORMATS: Final = tuple(_FORMATS)
"""The formats of an export."""


def export(lake: Lake, version: str, target: str, *, format_: str) -> Exported:
    """Write the images of a published version, and its card as the last file; `format_` is one of FORMATS.

    Images that were withdrawn since the version was published are left out. Raises DatasetError if the version is not
    published, if `target` is not empty, and if no image is left. Raises StorageFull when there is no room.
    """
    how, folder = _FORMATS[format_], _empty_folder(target)
    rows, withdrawn = read_rows(lake, version)
    if rows.empty:
        raise DatasetError(f"all {withdrawn:,} images of the dataset version '{version}' were withdrawn")
    files = [_write(lake, folder, shard, how, version) for shard in cut(rows)]
    card = describe(_subject(lake, version, rows, files, how))
    write_text(folder / FILE, json.dumps(card, indent=1, ensure_ascii=False))
    day = date(int(version[:4]), int(version[4:6]), int(version[6:8]))
    return Exported(version, len(rows), len(files), withdrawn, version_id(rows, today=day))


class _Summed:
    """A file that is written from its start to its end, and whose SHA-256 sum is known then."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self.size

    def sum(self) -> str:
        return self._digest.hexdigest()


def _write(lake: Lake, folder: UPath, shard: Shard, how: _Format, version: str) -> ListedFile:
    path = shard.stem + how.ending
    with write_whole(folder / path) as file:
        summed = _Summed(file)
        how.write(cast("IO[bytes]", summed), shard, lake, version=version)
    return ListedFile(path, summed.sum(), summed.size, how.media_type)


def _subject(lake: Lake, version: str, rows: pd.DataFrame, files: list[ListedFile], how: _Format) -> Subject:
    validation = read_validation(lake, version)
    resource = {"@type": "cr:FileSet", "@id": "shards", "name": "shards", **how.resource}
    if how.resource["encodingFormat"] != how.media_type:
        resource["containedIn"] = [{"@id": file.path} for file in files]
    return Subject(
        version=version,
        counts=count_images(rows),
        files=files,
        fields=how.fields,
        sets=[resource],
        warnings=validation.warnings if validation else (),
    )


def _empty_folder(target: str) -> UPath:
    """Return the folder or URL; raises DatasetError for one that is not empty, or that nothing here can write to."""
    try:
        folder = UPath(target)
        taken = folder.exists() and (not folder.is_dir() or any(True for _ in folder.iterdir()))
    except (ImportError, ValueError) as error:  # a protocol without its package, or an unknown one
        raise DatasetError(f"nothing can be written to '{without_secrets(target)}': {error}") from error
    if taken:
        raise DatasetError(f"'{without_secrets(target)}' is not empty: name a new folder, so that no files are mixed")
    return folder
