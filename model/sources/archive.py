"""A zip or tar archive with class folders as a source of labelled images; nothing is unpacked to disk."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from model.errors import SourceError
from model.sources.labelled import LabelledImage
from model.sources.layout import READ_AT_MOST, Member, find_images, load_images

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
"""What a file must be called to be read as an archive."""

# RuntimeError is zipfile's word for a password or a compression it does not know.
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, RuntimeError)


def read_archive(path: Path) -> Iterator[LabelledImage]:
    """Yield the images of an archive; see `model.sources.layout` for what its folders mean.

    A zip is read in the order of its paths, a tar in its own order, in one pass. Links and devices are ignored.
    Raises SourceError, when it comes to it, for a damaged archive or a class folder that is not understood.
    """
    source = path.name[: -len(_suffix(path))]
    members = _zip_members(path) if _suffix(path) == ".zip" else _tar_members(path)
    try:
        yield from load_images(find_images(members, source=source), source=source)
    except _UNREADABLE as error:
        raise SourceError(
            f"The archive '{path}' cannot be read: {error}. Is it complete, and what its name says?"
        ) from error


def is_archive(path: Path) -> bool:
    """Whether the name of `path` is that of an archive."""
    return path.name.lower().endswith(SUFFIXES)


def _suffix(path: Path) -> str:
    return next(suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix))


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
            if not info.is_dir() and kind in (0, stat.S_IFREG):
                yield Member(info.filename, partial(_read_zipped, archive, info))


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        return file.read(READ_AT_MOST)


def _tar_members(path: Path) -> Iterator[Member]:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isfile():
                yield Member(info.name, partial(_read_tarred, archive, info))


def _read_tarred(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    return file.read(READ_AT_MOST) if file else b""
