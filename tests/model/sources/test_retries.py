import errno
import io
from collections.abc import Callable
from typing import IO, Any

import aiohttp
import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from model.errors import SourceError
from model.sources import retries
from model.sources.retries import MOST_TRIES, Interrupted, again, passes
from model.sources.steady_file import SteadyFile


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def answered(status: int, **headers: str) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return requests.HTTPError(response=response)


def refused(status: int) -> ClientError:
    return ClientError({"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (ConnectionResetError(), True),
        (Interrupted("cut"), True),
        (answered(429), True),
        (answered(404), False),
        (caused(OSError(errno.EBUSY, "SlowDown"), refused(503)), True),
        (caused(PermissionError("no"), refused(403)), False),
        (EndpointConnectionError(endpoint_url="http://x"), True),
        (NoCredentialsError(), False),
        (caused(FileNotFoundError("http://x"), aiohttp.ServerDisconnectedError()), True),
        (FileNotFoundError("x"), False),
        (TimeoutError(), False),
        (SourceError("x"), False),
        (ValueError("x"), False),
    ],
)
def test_only_what_passes_is_asked_again(error: Exception, may_pass: bool) -> None:
    assert passes(error) is may_pass


def test_each_wait_is_twice_as_long_unless_the_server_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    monkeypatch.setattr(retries, "FIRST_WAIT", 1.0)
    errors: list[Exception] = [answered(500), answered(503), answered(429, Retry_After="30"), answered(500)]

    def ask() -> str:
        if errors:
            raise errors.pop(0)
        return "answer"

    assert again(ask, "a file") == "answer"
    assert waits == [1.0, 2.0, 30.0, 8.0]


def test_what_does_not_pass_is_raised_as_it_is() -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        raise answered(502, Retry_After="Fri, 04 Dec 2026 08:00:00 GMT")

    with pytest.raises(requests.HTTPError):
        again(ask, "a file")
    assert len(asked) == MOST_TRIES


CONTENT = bytes(range(256)) * 40


class Cut(io.BytesIO):
    """A file whose connection is cut once it has given `bytes_left` bytes."""

    def __init__(self, content: bytes, bytes_left: int) -> None:
        super().__init__(content)
        self.size, self.bytes_left = len(CONTENT), bytes_left

    def read(self, size: int | None = -1) -> bytes:
        if self.bytes_left <= 0:
            raise ConnectionResetError("cut")
        chunk = super().read(size)
        self.bytes_left -= len(chunk)
        return chunk


def opening(*files: IO[bytes]) -> Callable[[], IO[bytes]]:
    return iter(files).__next__


@pytest.mark.parametrize("seekable", [True, False])
def test_a_cut_file_is_read_on_where_it_was_cut(seekable: bool) -> None:
    files = opening(*(Cut(CONTENT, 3_000 if seekable else 3_000 * number) for number in range(1, 9)))
    with SteadyFile(files, "a.jpg", seekable=seekable) as file:
        assert b"".join(iter(lambda: file.read(500), b"")) == CONTENT


def test_a_cut_file_is_read_on_after_a_jump() -> None:
    with SteadyFile(opening(Cut(CONTENT, 10), Cut(CONTENT, 9_999)), "a.zip", seekable=True) as file:
        assert file.seek(-20, io.SEEK_END) == len(CONTENT) - 20
        assert (file.read(10), file.tell()) == (CONTENT[-20:-10], len(CONTENT) - 10)
        assert file.read() == CONTENT[-10:]


def test_a_stream_that_has_changed_since_it_was_cut_is_refused() -> None:
    with SteadyFile(opening(Cut(CONTENT, 500), Cut(CONTENT[::-1], 9_999)), "a.zip", seekable=False) as file:
        assert file.read(500) == CONTENT[:500]
        with pytest.raises(SourceError, match=r"'a\.zip' has changed while it was read"):
            file.read(500)


def test_a_file_that_ends_before_its_size_is_no_file() -> None:
    short: Any = [Cut(CONTENT[:-1], 99_999) for _ in range(MOST_TRIES)]
    with SteadyFile(opening(*short), "a.jpg", seekable=True) as file:
        assert len(file.read(10_000)) == 10_000
        with pytest.raises(Interrupted, match=r"'a\.jpg' ends after 10,239 of 10,240 bytes"):
            file.read(10_000)
