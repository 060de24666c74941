"""Location: where a source lies, on this machine or at any fsspec URL, and how it is reached."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any, cast
from urllib.parse import unquote

from fsspec.core import split_protocol, strip_protocol
from fsspec.registry import filesystem

from model.errors import SourceError, TruegrainError

_LOCAL = (None, "file", "local")
_WEB = ("http", "https")
_MARKS = ("ETag", "etag", "LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created")
"""What stores and servers call that by which a change shows, the best first; stores create anew what they change."""

_SECONDS_TO_CONNECT = 10
_SECONDS_OF_SILENCE = 60


@dataclass(frozen=True)
class Location:
    """A location as a person writes it: a path of this machine, or a URL of any protocol that fsspec knows."""

    location: str

    @property
    def protocol(self) -> str | None:
        """The protocol of a URL, None of a path."""
        return cast("str | None", split_protocol(self.location)[0])

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return self.protocol in _LOCAL

    @property
    def is_web(self) -> bool:
        """Whether it is on a web server, which promises neither folders nor reading from the middle of a file."""
        return self.protocol in _WEB

    @cached_property
    def local(self) -> Path:
        """The path on this machine, absolute; only where `is_local`."""
        return Path(split_protocol(self.location)[1]).expanduser().resolve()

    @cached_property
    def remote(self) -> Any:
        """The fsspec file system of a URL. Raises ImportError when its package is not installed."""
        return filesystem(self.protocol, **(_web_options() if self.is_web else {}))

    @property
    def path(self) -> str:
        """The path on the remote file system; on the web the whole URL."""
        return str(strip_protocol(self.location))

    @property
    def name(self) -> str:
        """The last part of the path, without a web address's query; the host or bucket where there is no other."""
        if self.is_local:
            return self.local.name
        address = self.location.partition("://")[2]
        return PurePosixPath(unquote(address.partition("?")[0]) if self.is_web else address).name

    @property
    def parent(self) -> "Location":
        """The folder that it lies in."""
        return Location(str(self.local.parent) if self.is_local else self.location.rpartition("/")[0])

    def is_folder(self) -> bool:
        """Whether there is a folder; False for a file. Raises FileNotFoundError when there is nothing."""
        if self.is_local:
            self.local.stat()
            return self.local.is_dir()
        return bool(self.remote.info(self.path)["type"] == "directory")

    def stamp(self) -> str | None:
        """Return the stamp of a file. Raises FileNotFoundError when there is none."""
        return stamp_of_local(self.local) if self.is_local else stamp_of(self.remote.info(self.path))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file for reading at any position; one on the web is first copied into a temporary file."""
        if self.is_local:
            with self.local.open("rb") as file:
                yield file
        elif self.is_web:
            with TemporaryFile() as copy:
                self.remote.get_file(self.path, copy)
                copy.seek(0)
                yield copy
        else:
            with self.remote.open(self.path, "rb") as file:
                yield file


@contextmanager
def reaching(place: Location) -> Iterator[None]:
    """Turn what the file system raises while `place` is reached into SourceError with the way out."""
    try:
        yield
    except TruegrainError:
        raise
    except ImportError as error:
        raise SourceError(
            f"The source '{place.location}' needs a package that is not installed here. {error}: `pip install` it "
            "where the pipeline runs, or copy the source to this machine and name its folder."
        ) from error
    except Exception as error:  # each protocol's package raises errors of its own, many of them no OSError
        if place.is_local and not isinstance(error, OSError):
            raise
        reason = error.__cause__ or error  # fsspec says 'not found' of whatever befalls a web address
        advice = "May it be read?" if place.is_local else "Are the address, the network and the credentials right?"
        raise SourceError(
            f"The source '{place.location}' cannot be read: {type(reason).__name__}: {reason}. {advice}"
        ) from error


def stamp_of_local(path: str | Path) -> str:
    """Return the stamp of a file on this machine."""
    status = os.stat(path)  # noqa: PTH116 - a Path for each of many files costs more than the question
    return f"{status.st_size}-{status.st_mtime_ns}"


def stamp_of(info: Mapping[str, Any]) -> str | None:
    """Return the stamp of a file that fsspec describes with `info`."""
    mark = next((info[name] for name in _MARKS if info.get(name)), None)
    return None if mark is None else f"{info.get('size')}-{mark}"


def _web_options() -> dict[str, Any]:
    """Give up on a silent server, and never on a long download (the default ends one after five minutes)."""
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_OF_SILENCE)
    return {"client_kwargs": {"timeout": timeout}}
