"""Reads files and folders at a source's location: a path of this machine, or any URL that fsspec knows."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast
from urllib.parse import unquote

from fsspec.core import split_protocol, strip_protocol
from fsspec.registry import filesystem

from model.errors import TruegrainError, UnreadableSource
from model.processes import beating
from model.sources.entries import Listed
from model.sources.failures import file_of, naming, refusal_of_hub
from model.sources.hub.dataset import PROTOCOL as HUB
from model.sources.labelled_image import LONGEST_REVISION
from model.sources.retries import again
from model.sources.steady_file import SteadyFile
from model.sources.web.download import Bounded, open_copy
from model.sources.web.reach import PUBLIC, Guard, Reach, host_of
from model.sources.web.secrets import without_secrets

_LOCAL = (None, "file", "local")
_WEB = ("http", "https")
_MARKS = ("ETag", "etag", "blob_id", "LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created")
"""Keys of fsspec's info whose values change with a file, the best first. `blob_id` is Git's, on the hub. `created`
counts, because stores create anew what they change."""

_REVISIONS = ("ETag", "etag")
"""Keys of fsspec's info that name the content of a file."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Location:
    """A location as a person writes it: a path of this machine, or a URL of any protocol that fsspec knows.

    `str` returns the location as it may be shown: without a password and a signature in the URL.
    """

    location: str
    reach: Reach = PUBLIC

    def __str__(self) -> str:
        """Return the location without secrets."""
        return without_secrets(self.location)

    @property
    def has_secrets(self) -> bool:
        """Whether the location has secrets. Then errors name no cause, because its text might quote the secrets."""
        return str(self) != self.location

    @property
    def protocol(self) -> str | None:
        """The protocol of a URL, None for a path."""
        return cast("str | None", split_protocol(self.location)[0])

    @property
    def is_local(self) -> bool:
        """Whether the location is on this machine."""
        return self.protocol in _LOCAL

    @property
    def is_web(self) -> bool:
        """Whether the location is on a web server, which promises neither folders nor random access to a file."""
        return self.protocol in _WEB

    @cached_property
    def local(self) -> Path:
        """The absolute path on this machine; only if `is_local`."""
        return Path(split_protocol(self.location)[1]).expanduser().resolve()

    @cached_property
    def remote(self) -> Any:
        """The fsspec file system of a URL. Raises ImportError when its package is not installed."""
        if self.protocol == HUB:
            from model.sources.hub.client import open_file_system

            return open_file_system(self.reach)
        if not self.is_web:
            return filesystem(self.protocol)
        from model.sources.web.client import options_for  # importing aiohttp takes half as long as all else of a task

        return filesystem(self.protocol, **options_for(Guard(host_of(self.location), self.reach)))

    @property
    def path(self) -> str:
        """The path on the remote file system; on the web the whole URL."""
        return str(strip_protocol(self.location))

    @property
    def name(self) -> str:
        """The last part of the path, without a query or a revision; the host or bucket if there is no other part."""
        if self.is_local:
            return self.local.name
        address = self.location.partition("://")[2]
        host, slash, path = (address.partition("?")[0] if self.is_web else address).partition("/")
        address = host.rpartition("@")[2] + slash + path
        name = PurePosixPath(unquote(address) if self.is_web else address).name
        return name.partition("@")[0] if self.protocol == HUB and path.strip("/").count("/") == 1 else name

    @property
    def parent(self) -> "Location":
        """The folder that contains the location."""
        return Location(str(self.local.parent) if self.is_local else self.location.rpartition("/")[0], self.reach)

    def is_folder(self) -> bool:
        """Whether the location is a folder; False for a file. Raises FileNotFoundError if there is nothing."""
        if self.is_local:
            self.local.stat()
            return self.local.is_dir()
        return bool(self.info()["type"] == "directory")

    def stamp(self) -> str | None:
        """Return the stamp of the file. Raises FileNotFoundError if there is no file."""
        return stamp_of_local(self.local) if self.is_local else stamp_of(self.info())

    def revision(self) -> str | None:
        """Return the revision of the file; None on this machine, where only size and time tell what a file holds."""
        return None if self.is_local else revision_of(self.info())

    def info(self, path: str | None = None) -> Mapping[str, Any]:
        """Return fsspec's info about the file at the URL, or at another `path` of the file system.

        A web server must answer within a minute.
        """
        options: dict[str, Any] = {}
        if self.is_web:
            from model.sources.web.client import options_for_headers

            options = options_for_headers()
        found, where = self.remote, path or self.path
        info: Mapping[str, Any] = again(lambda: found.info(where, **options), without_secrets(where))
        return info

    def list_folder(self, path: str) -> list[Mapping[str, Any]]:
        """Return fsspec's info about each file and folder in a folder of the file system, in any order."""
        found = self.remote
        with beating():  # a page of 1,000 files is a step
            listed: list[Mapping[str, Any]] = again(lambda: found.ls(path, detail=True), without_secrets(path))
        return listed

    def forget_listings(self) -> None:
        """List folders anew from now on; until the next call, each folder of a store is listed once."""
        if not self.is_local and self.protocol != HUB:  # a commit on the hub does not change
            self.remote.invalidate_cache()

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file for reading at any position; a file on the web is first copied into a temporary file."""
        with self.stream() as file:
            if self.is_web:
                with open_copy(file) as copy:
                    yield copy
            else:
                yield file

    @contextmanager
    def stream(self, path: str | None = None, *, is_short: bool = False) -> Iterator[IO[bytes]]:
        """Open the file, or another `path` of the file system, for reading from its start to its end.

        A file on the web can be read at no other position. A file on the web that `is_short` must arrive within a
        minute. Raises SourceError if a file on the web is larger than `reach` allows.
        """
        if self.is_local:
            with self.local.open("rb") as file:
                yield file
            return
        found, where = self.remote, path or self.path
        shown = without_secrets(where)
        if self.is_web:
            # `block_size=0` asks for one stream, which every server offers. A `size` saves a request for the size.
            from model.sources.web.client import options_for_a_page

            options = options_for_a_page() if is_short else {}

            def opening() -> IO[bytes]:
                stream = found.open(where, "rb", block_size=0, size=1, **options)
                return cast("IO[bytes]", Bounded(stream, shown, self.reach.most_bytes))

        else:

            def opening() -> IO[bytes]:
                return cast("IO[bytes]", found.open(where, "rb"))

        with naming(shown), SteadyFile(opening, shown, seekable=not self.is_web) as steady:
            yield cast("IO[bytes]", steady)

    def read(self, at_most: int, path: str | None = None) -> bytes:
        """Return the first `at_most` bytes of a short file, which `stream` opens."""
        content = bytearray()
        with self.stream(path, is_short=True) as file:
            while chunk := file.read(min(_CHUNK, at_most - len(content))):
                content += chunk
        return bytes(content)


@contextmanager
def reaching(place: Location) -> Iterator[None]:
    """Turn errors of the file system, raised while `place` is read, into SourceError with the way out."""
    try:
        yield
    except (TruegrainError, MemoryError):
        raise
    except ImportError as error:
        raise UnreadableSource(
            f"The source '{place}' needs a package that is not installed here. {error}: `pip install` it "
            "where the pipeline runs, or copy the source to this machine and name its folder."
        ) from error
    except Exception as error:  # each protocol's package raises errors of its own, many of them no OSError
        if place.is_local and not isinstance(error, OSError):
            raise
        reason = error.__cause__ or error  # fsspec reports any failure of a web address as 'not found'
        if isinstance(reason, TruegrainError):
            raise reason from None
        if place.protocol == HUB and (refusal := refusal_of_hub(error)):
            raise UnreadableSource(f"The source '{place}' cannot be read: {refusal}{file_of(error)}.") from None
        advice = "May it be read?" if place.is_local else "Are the address, the network and the credentials right?"
        told = without_secrets(str(reason).replace(place.location, str(place))) or "it took too long"
        told += file_of(error)
        raise UnreadableSource(f"The source '{place}' cannot be read: {type(reason).__name__}: {told}. {advice}") from (
            None if place.has_secrets else error
        )


def stamp_of_local(path: str | Path) -> str:
    """Return the stamp of a file on this machine."""
    status = os.stat(path)  # noqa: PTH116 - a Path for each of many files costs more than the call
    return f"{status.st_size}-{status.st_mtime_ns}"


def stamp_of(info: Mapping[str, Any]) -> str | None:
    """Return the stamp of a file from fsspec's `info`; None if the info has no mark that changes with the file."""
    mark = next((info[name] for name in _MARKS if info.get(name)), None)
    return None if mark is None else f"{info.get('size')}-{mark}"


def listed_of(info: Mapping[str, Any]) -> Listed | None:
    """Return a file of a store from fsspec's `info` in the list of a folder; None if the info has no ETag or size."""
    tag, size, stamp = _tag_of(info), info.get("size"), stamp_of(info)
    if not tag or not isinstance(size, int) or stamp is None:
        return None
    return Listed(info["name"], size, tag, stamp)


def _tag_of(info: Mapping[str, Any]) -> str:
    return next((str(info[name]) for name in _REVISIONS if info.get(name)), "")


def revision_of(info: Mapping[str, Any]) -> str | None:
    """Return the ETag of a file from fsspec's `info` without quotation marks; None if there is none, or no usable one.

    A server may send any text. A text that could not be kept is no revision, and refuses no image.
    """
    return revision_of_tag(_tag_of(info))


def revision_of_tag(etag: str) -> str | None:
    """Return an ETag as `revision_of` does."""
    tag = etag.removeprefix("W/").strip('"')
    return tag if tag.isprintable() and 0 < len(tag) <= LONGEST_REVISION else None
