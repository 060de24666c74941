"""Writes files on any file system, each whole or not at all, and names a full disk. Tells when a file has changed."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from model.errors import StorageFull

FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The numbers of the system's errors which say that a disk, or a user's quota, is full."""


@contextmanager
def write_whole(path: UPath, *, private: bool = False) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` when the block ends, and leaves no trace when the block fails.

    The folder is made when it is missing. A `private` file, which is on this machine, can never be read by any other
    user than its owner. Raises StorageFull when there is no room.
    """
    aside = path.parent / f".{path.name}-{uuid.uuid4().hex}"
    with naming_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _open_private(aside) if private else aside.open("wb") as file:
                yield file
            move(aside, path)
        except BaseException:
            with suppress(OSError):  # what went wrong before matters more
                aside.unlink(missing_ok=True)
            raise


def write_text(path: UPath, text: str, *, private: bool = False) -> None:
    """Write a text file whole, as UTF-8; for `private` see `write_whole`."""
    with write_whole(path, private=private) as file:
        file.write(text.encode())


def write_table(path: UPath, table: pa.Table, *, compression: str = "zstd") -> None:
    """Write a Parquet file whole."""
    with write_whole(path) as file:
        pq.write_table(table, file, compression=compression)


def move(source: UPath, target: UPath) -> None:
    """Move a file over `target`, whose folder is made when it is missing; on this machine that happens at once."""
    with naming_full_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path):
            # fsspec would copy, in view of all readers, where a full disk lets nothing be renamed.
            source.replace(target)
        else:
            source.fs.mv(source.path, target.path)


def remove(path: UPath) -> None:
    """Remove a file, or a folder with all that is in it; one that is not there is removed already."""
    with naming_full_disk(path), suppress(FileNotFoundError):
        if not isinstance(path, Path):
            path.fs.rm(path.path, recursive=True)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def identify(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from another one in its place: device and inode. None without a file."""
    facts = _look_up(path)
    return (facts.st_dev, facts.st_ino) if facts else None


def signature(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when the file at `path` is replaced or written: time, device and inode. None without a file.

    Whoever keeps the content of a file in memory reads it again when its signature has changed.
    """
    facts = _look_up(path)
    return (facts.st_mtime_ns, facts.st_dev, facts.st_ino) if facts else None


@contextmanager
def naming_full_disk(path: UPath) -> Iterator[None]:
    """Turn what a file system raises when it has no room for `path` into StorageFull with the way out."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise StorageFull(
            f"There is no room for '{path}': the disk is full ({error.strerror}). Free some space, or set "
            "TRUEGRAIN_HOME (for the lake alone TRUEGRAIN_LAKE) to a larger place, and run the task again: what was "
            "complete is untouched, and what is half done counts for nothing."
        ) from error


def _open_private(path: UPath) -> IO[bytes]:
    return os.fdopen(os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _look_up(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
