"""Writes files on any file system, whole or not at all; reports a full disk; tells whether a file has changed."""

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
"""The error numbers of the system for a full disk or a used-up quota."""


@contextmanager
def write_whole(path: UPath, *, private: bool = False) -> Iterator[IO[bytes]]:
    """Open a file that replaces `path` when the block ends, and is removed when the block fails.

    A missing folder is created. A `private` file must be on this machine; only its owner can ever read it. Raises
    StorageFull if there is no room.
    """
    aside = path.parent / f".{path.name}-{uuid.uuid4().hex}"
    with naming_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _open_private(aside) if private else aside.open("wb") as file:
                yield file
            move(aside, path)
        except BaseException:
            with suppress(OSError):  # the error that ended the block matters more
                aside.unlink(missing_ok=True)
            raise


def write_text(path: UPath, text: str, *, private: bool = False) -> None:
    """Write a text file, whole or not at all, as UTF-8; for `private` and errors see `write_whole`."""
    with write_whole(path, private=private) as file:
        file.write(text.encode())


def write_table(path: UPath, table: pa.Table, *, compression: str = "zstd") -> None:
    """Write a Parquet file, whole or not at all; for errors see `write_whole`."""
    with write_whole(path) as file:
        pq.write_table(table, file, compression=compression)


def move(source: UPath, target: UPath) -> None:
    """Move a file over `target` and create its folder if missing; atomic on this machine. Raises StorageFull."""
    with naming_full_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path):
            # If a rename fails on a full disk, fsspec would copy instead, and readers would see half a file.
            source.replace(target)
        else:
            source.fs.mv(source.path, target.path)


def remove(path: UPath) -> None:
    """Remove a file, or a folder with everything in it. A missing path is no error. Raises StorageFull."""
    with naming_full_disk(path), suppress(FileNotFoundError):
        if not isinstance(path, Path):
            path.fs.rm(path.path, recursive=True)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def identify(path: Path) -> tuple[int, int] | None:
    """Return (device, inode) of the file at `path`. They change when another file replaces it. None without a file."""
    facts = _look_up(path)
    return (facts.st_dev, facts.st_ino) if facts else None


def signature(path: Path) -> tuple[int, int, int] | None:
    """Return (modification time in ns, device, inode) of the file at `path`; None without a file.

    They change when the file is replaced or written. A reader that keeps the content in memory compares them to know
    when to read the file again.
    """
    facts = _look_up(path)
    return (facts.st_mtime_ns, facts.st_dev, facts.st_ino) if facts else None


@contextmanager
def naming_full_disk(path: UPath) -> Iterator[None]:
    """Turn the error of a file system without room for `path` into StorageFull, with advice."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise StorageFull(
            f"There is no room for '{path}': the disk is full ({error.strerror}). Free some space, or set "
            "TRUEGRAIN_HOME (for the lake alone TRUEGRAIN_LAKE) to a larger place, and run the task again: "
            "complete files are untouched, and half-written files are ignored."
        ) from error


def _open_private(path: UPath) -> IO[bytes]:
    return os.fdopen(os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _look_up(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
