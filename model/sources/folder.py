"""Lists the files of a folder, on this machine or at a URL, as a Tree."""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from model.errors import SourceError
from model.sources.entries import Listed
from model.sources.location import Location, listed_of, revision_of, stamp_of, stamp_of_local
from model.sources.tree import Member, Tree, printable
from model.sources.web import links

DEEPEST = 100
"""Most folders below each other at a URL. A link back to a folder above looks like one more folder there."""

MOST_FOLDERS = 100_000
"""Most folders that are listed at a URL: a server can invent folders without end."""

_NO_LONGER_THERE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
"""Errors of the system for a link that is not followed (as a file, as a folder), and for a socket."""

_LINK = "\0"
"""Marks the path of a link in a list; no path can hold this character."""

_LEADS_OUT = (
    "Left out: a link that leads out of the folder. Copy the files in place of the links (cp -L), or name their folder."
)
_LEADS_TO_NO_FILE = "Left out: a link to a folder or a device, or to nothing. Only links to files are followed."

_Ask = Callable[[], Mapping[str, Any]]
_Marks = tuple[str | None, str | None, Listed | None]
_Entry = tuple[str, bool, _Marks]
"""A path at a URL, and whether it is a folder; its stamp, its revision and what the list shows, None where unknown."""

_NO_MARKS: _Marks = (None, None, None)


def open_folder(place: Location) -> Tree:
    """Return the files below a folder, sorted by path.

    A link to a file is followed if the file lies in the folder too. In Hugging Face's cache the folder around a
    snapshot counts, because the files lie beside the snapshots. Nothing outside is read. Links to folders are left out.
    The first walk lists a folder on a store; further walks through the same tree list nothing anew.
    """
    place.forget_listings()
    if place.is_local:
        return Tree(place.name, partial(_walk_local, place.local), root=os.fspath(place.local))
    return Tree(place.name, partial(_walk_remote, place))


def _walk_local(root: Path) -> Iterator[Member]:
    prefix = len(os.fspath(root).rstrip("/")) + 1
    waiting = [os.fspath(root)]
    while waiting:
        path = waiting.pop()
        if path.endswith("/") or path == os.fspath(root):
            waiting.extend(_list_backwards(path))
        elif path.endswith(_LINK):
            yield _follow(root, path.removesuffix(_LINK))
        else:
            opening = partial(_open_local, root, path[prefix:])
            yield Member(printable(path[prefix:]), opening, seekable=True, stamp=partial(stamp_of_local, path))


def _follow(root: Path, path: str) -> Member:
    """Return the file that the link at `path` leads to, under the link's own path; unread if it leads elsewhere."""
    inside, target = printable(os.path.relpath(path, root)), Path(path).resolve()
    around = next((folder.parents[1] for folder in (root, *root.parents) if _is_snapshot(folder)), root)
    opening, unread = partial(_open_local, root, inside), ""
    if not target.is_relative_to(around):
        unread = _LEADS_OUT
    elif not target.is_file():
        unread = _LEADS_TO_NO_FILE
    else:
        opening = partial(_open_local, around, os.fspath(target.relative_to(around)))
    return Member(inside, opening, seekable=True, stamp=partial(stamp_of_local, target), unread=unread)


def _is_snapshot(folder: Path) -> bool:
    """Whether a folder is one of Hugging Face's cache: datasets--<owner>--<name>/snapshots/<revision>."""
    return folder.parent.name == "snapshots" and folder.parents[1].name.startswith("datasets--")


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
    """List the paths of a folder in reverse order: a folder's path ends with '/', a link's path with _LINK."""
    with os.scandir(folder) as entries:
        by_name = sorted(entries, key=lambda entry: entry.name, reverse=True)
    ends = ((entry.path, _end(entry)) for entry in by_name)
    return [path + end for path, end in ends if end is not None]


def _end(entry: "os.DirEntry[str]") -> str | None:
    if entry.is_file(follow_symlinks=False):
        return ""
    if entry.is_dir(follow_symlinks=False):
        return "/"
    return _LINK if entry.is_symlink() else None


def _walk_remote(place: Location) -> Iterator[Member]:
    root = place.path.rstrip("/")
    waiting: list[_Entry] = [(root, True, _NO_MARKS)]
    folders = 0
    while waiting:
        path, is_folder, (stamp, revision, listed) = waiting.pop()
        inside = path[len(root) :].strip("/")
        if is_folder:
            if inside.count("/") >= DEEPEST:
                raise SourceError(f"'{place}' has more than {DEEPEST} folders below each other: '{inside[-500:]}'.")
            folders += 1
            if folders > MOST_FOLDERS:
                raise SourceError(f"'{place}' has more than {MOST_FOLDERS:,} folders. Pack them into an archive.")
            waiting.extend(_list_remote_backwards(place, path))
        else:
            opening = partial(place.stream, path)
            if place.is_web:
                ask = cache(partial(place.info, path))  # one request for both marks
                yield Member(unquote(inside), opening, stamp=partial(_stamp, ask), revision=partial(_revision, ask))
            else:
                yield Member(
                    inside,
                    opening,
                    seekable=True,
                    stamp=partial(_known, stamp),
                    revision=partial(_known, revision),
                    listed=listed,
                )


def _list_remote_backwards(place: Location, folder: str) -> list[_Entry]:
    """List the paths in a folder in reverse order."""
    if place.is_web:
        # Links with a query show the same page in another order.
        found = {
            (link.rstrip("/"), link.endswith("/"), _NO_MARKS) for link in _links_of(place, folder) if "?" not in link
        }
        return sorted(found, reverse=True)
    entries = {
        (info["name"].rstrip("/"), info["type"] == "directory"): (stamp_of(info), revision_of(info), listed_of(info))
        for info in place.list_folder(folder)
    }
    # A bucket may hold a marker for the folder itself.
    return sorted(((*entry, marks) for entry, marks in entries.items() if entry[0] != folder), reverse=True)


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


def _stamp(ask: _Ask) -> str | None:
    return stamp_of(ask())


def _revision(ask: _Ask) -> str | None:
    return revision_of(ask())


def _known(mark: str | None) -> str | None:
    return mark
