"""Reads images of a store from a list that was made before, and lists no folder of the store."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Final, cast

from model.errors import ChangedSince
from model.sources.class_folders import entry_of
from model.sources.entries import Entry, ImageFile, Listed
from model.sources.failures import naming
from model.sources.kinds import split_kind
from model.sources.layout import Reading
from model.sources.location import Location, reaching, revision_of, revision_of_tag
from model.sources.steady_file import SteadyFile
from model.sources.tree import Member
from model.sources.web.reach import PUBLIC, Reach
from model.sources.web.secrets import without_secrets

_S3: Final = ("s3", "s3a")

_EXPIRED: Final = errno.EBUSY
"""The error number of s3fs for a file whose ETag is no longer the one that it asked for."""


@contextmanager
def open_listed(location: str, files: Iterable[ImageFile], reach: Reach = PUBLIC) -> Iterator[Iterator[Entry]]:
    """Yield the entries of `files` of the source at `location`, which are the entries that `open_source` listed.

    Raises SourceError if the store cannot be reached. Reading an entry raises ChangedSince if its file is gone, or has
    another ETag or size than in the list.
    """
    with reaching(place := Location(split_kind(location)[1], reach)):
        yield (_entry(place, file) for file in files)


def _entry(place: Location, file: ImageFile) -> Entry:
    listed, facts = file.listed, file.facts
    member = Member(
        file.path,
        partial(_open, place, listed),
        seekable=True,
        stamp=lambda: listed.stamp,
        revision=lambda: revision_of_tag(listed.etag),
    )
    reading = Reading(facts.label, facts.split, facts.generator, facts.collection)
    return entry_of(member, reading, source=file.source, claims=file.claims)


@contextmanager
def _open(place: Location, listed: Listed) -> Iterator[IO[bytes]]:
    shown = without_secrets(listed.address)
    try:
        with naming(shown), SteadyFile(partial(_open_as_listed, place, listed), shown, seekable=True) as steady:
            yield cast("IO[bytes]", steady)
    except FileNotFoundError as error:
        raise ChangedSince("it is gone since its folder was listed") from error
    except OSError as error:
        if error.errno != _EXPIRED:
            raise
        raise _changed() from error


def _open_as_listed(place: Location, listed: Listed) -> IO[bytes]:
    store, folder = place.remote, listed.address.rpartition("/")[0]
    if place.protocol in _S3:
        # s3fs takes the size and the ETag from here, asks for neither, and reads this ETag's content or nothing.
        info = {"name": listed.address, "size": listed.size, "type": "file", "ETag": listed.etag}
        store.dircache[folder] = [info]
    try:
        file = cast("IO[bytes]", store.open(listed.address, "rb"))
    finally:
        store.dircache.pop(folder, None)
    info = getattr(file, "details", None) or {}
    now, before = revision_of(info), revision_of_tag(listed.etag)
    if info.get("size", listed.size) != listed.size or (now and before and now != before):
        file.close()
        raise _changed()
    return file


def _changed() -> ChangedSince:
    return ChangedSince("it has changed since its folder was listed")
