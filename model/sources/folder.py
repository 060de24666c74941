"""Lists the files of a folder, on this machine or at a URL, as a Tree."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from model.errors import SourceError
from model.sources.location import Location, stamp_of, stamp_of_local
from model.sources.tree import Member, Tree, printable
from model.sources.web import links

DEEPEST = 100
"""Most folders below each other at a URL. A link back to a folder above looks like one more folder there."""

MOST_FOLDERS = 100_000
"""Most folders that are listed at a URL: a server can invent folders without end."""

_NO_LONGER_THERE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
"""Errors of the system for a link that is not followed (as a file, as a folder), and for a socket."""

_Entry = tuple[str, bool, str | None]


def open_folder(place: Location) -> Tree:
    """Return the files below a folder, sorted by path.

    Links are ignored, so that nothing outside the folder is read. Devices and pipes are ignored too.
    """
    return Tree(place.name, partial(_walk_local, place.local) if place.is_local else partial(_walk_remote, place))


def _walk_local(root: Path) -> Iterator[Member]:
    prefix = len(os.fspath(root).rstrip("/")) + 1
    waiting = [os.fspath(root)]
    while waiting:
        path = waiting.pop()
        if path.endswith("/") or path == os.fspath(root):
            waiting.extend(_list_backwards(path))
        else:
            opening = partial(_open_local, root, path[prefix:])
            yield Member(printable(path[prefix:]), opening, seekable=True, stamp=partial(stamp_of_local, path))


def _open_local(root: Path, path: str) -> IO[bytes]:
    """Open a file below `root`; raises SourceError if a part of its `path` has become a link since it was listed."""
    *folders, name = path.split("/")
    try:
        above = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for folder in folders:
                below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
                os.close(above)
                above = below
            # O_NONBLOCK, because opening a pipe would wait for a writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        finally:
            os.close(above)
    except OSError as error:
        if error.errno in _NO_LONGER_THERE:
            raise _changed(path) from error
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _changed(path)
    return os.fdopen(file, "rb")


def _changed(path: str) -> SourceError:
    return SourceError(
        f"'{printable(path)[:200]}' is no longer a file: it is a link, a pipe or a device, or lies below a link. "
        "Links are not followed. Change nothing in a source while it is read."
    )


def _list_backwards(folder: str) -> list[str]:
    """List the paths of a folder's files and folders in reverse order; a folder's path ends with '/'."""
    with os.scandir(folder) as entries:
        by_name = sorted(entries, key=lambda entry: entry.name, reverse=True)
    folders = {entry.name for entry in by_name if entry.is_dir(follow_symlinks=False)}
    kept = (entry for entry in by_name if entry.name in folders or entry.is_file(follow_symlinks=False))
    return [entry.path + ("/" if entry.name in folders else "") for entry in kept]


def _walk_remote(place: Location) -> Iterator[Member]:
    root = place.path.rstrip("/")
    waiting: list[_Entry] = [(root, True, None)]
    folders = 0
    while waiting:
        path, is_folder, stamp = waiting.pop()
        inside = path[len(root) :].strip("/")
        if is_folder:
            if inside.count("/") >= DEEPEST:
                raise SourceError(f"'{place}' has more than {DEEPEST} folders below each other: '{inside[-500:]}'.")
            folders += 1
            if folders > MOST_FOLDERS:
                raise SourceError(f"'{place}' has more than {MOST_FOLDERS:,} folders. Pack them into an archive.")
            waiting.extend(_list_remote_backwards(place, path))
        else:
            yield Member(
                unquote(inside) if place.is_web else inside,
                partial(place.stream, path),
                seekable=not place.is_web,
                stamp=partial(_ask_for_stamp, place, path) if place.is_web else partial(_known_stamp, stamp),
            )


def _list_remote_backwards(place: Location, folder: str) -> list[_Entry]:
    """List the paths in a folder in reverse order: whether each is a folder, and its stamp if the list has one."""
    if place.is_web:
        # Links with a query show the same page in another order.
        found = {(link.rstrip("/"), link.endswith("/"), None) for link in _links_of(place, folder) if "?" not in link}
        return sorted(found, reverse=True)
    entries = {
        (info["name"].rstrip("/"), info["type"] == "directory"): stamp_of(info)
        for info in place.remote.ls(folder, detail=True)
    }
    # A bucket may hold a marker for the folder itself.
    return sorted(((*entry, stamp) for entry, stamp in entries.items() if entry[0] != folder), reverse=True)


def _links_of(place: Location, folder: str) -> set[str]:
    """Return what the page of a folder links to; some servers have a page only at the address without '/'."""
    for address in (folder + "/", folder):
        page = place.read(links.MOST_BYTES + 1, address)
        if len(page) > links.MOST_BYTES:
            raise SourceError(
                f"The page of the folder '{place}' has more than {links.MOST_BYTES:,} bytes: it is no folder, or holds "
                "too many files to be listed. Pack them into archives."
            )
        if found := links.find_links(page, folder):
            return found
    return set()


def _known_stamp(stamp: str | None) -> str | None:
    return stamp


def _ask_for_stamp(place: Location, path: str) -> str | None:
    return stamp_of(place.info(path))
