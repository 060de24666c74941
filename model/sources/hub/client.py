"""The HTTP client of the hub: checks each address before it connects, and refuses what is no answer of a hub."""

import os
import socket
from collections.abc import Iterator
from functools import partial
from typing import Final

import httpx2
from huggingface_hub import HfApi, HfFileSystem, constants, set_client_factory
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from model.errors import SourceError, UnreadableSource
from model.sources.retries import Interrupted, seconds_to_wait, status_of
from model.sources.web.reach import Guard, Reach, host_of, is_address

_SECONDS: Final = 60.0
"""A hub that is silent for so long is asked again. huggingface_hub sets a shorter time for files."""

_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_PORTS: Final = {"http": 80, "https": 443}

_REFUSALS: Final[dict[type[Exception], str]] = {
    GatedRepoError: "its owner lets only people in who accept its terms. Accept them on the page of the data set, and "
    "set HF_TOKEN to a token of the same account",
    RevisionNotFoundError: "it has no such revision, or the revision is gone. Name a branch, a tag or a commit that "
    "its page lists, or none for the newest",
    RepositoryNotFoundError: "the hub has no such data set, or it is private. Correct the name, or set HF_TOKEN to "
    "a token that may read it",
    EntryNotFoundError: "it holds no such file or folder at this revision",
}
"""Reasons and ways out by error; a gated data set is one that is not found, too, so the order counts."""


def endpoint() -> str:
    """Return the address of the hub: `HF_ENDPOINT`, else the public hub."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def open_api(reach: Reach) -> HfApi:
    """Return the hub's API. The token is the environment's (`HF_TOKEN`), or the one of `hf auth login`.

    The hub itself may have any address, because whoever runs this machine has named it. It may lead to public hosts and
    to the hosts of `reach`, as any source on the web may. Raises UnreadableSource if `HF_HUB_OFFLINE` is set.
    """
    if constants.is_offline_mode():
        raise UnreadableSource("HF_HUB_OFFLINE is set, so the hub is not asked. Unset it, or name a copy of the files.")
    set_client_factory(partial(_open_client, Guard(host_of(endpoint()), reach), endpoint()))
    return HfApi(endpoint=endpoint())


def open_file_system(reach: Reach) -> HfFileSystem:
    """Return the hub's file system, which has listed nothing yet."""
    open_api(reach)
    return HfFileSystem(endpoint=endpoint(), skip_instance_cache=True)


def _open_client(guard: Guard, address: str) -> httpx2.Client:
    return httpx2.Client(transport=_Transport(guard, address), follow_redirects=True, timeout=_SECONDS)


class _Transport(httpx2.BaseTransport):
    """Resolves and checks each host itself, also after a redirect, and connects to the checked address only.

    A busy hub and a cut connection raise Interrupted, so that `retries` alone decides about a further try.
    """

    def __init__(self, guard: Guard, address: str) -> None:
        self._guard, self._hub = guard, host_of(address)
        self._tls = httpx2.create_ssl_context()
        self._connections: dict[str, httpx2.HTTPTransport] = {}  # by host: a connection serves no other name

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        checked = httpx2.Request(
            request.method,
            request.url.copy_with(host=self._checked(host, request.url.port or _PORTS.get(request.url.scheme))),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        connection = self._connections.setdefault(host, httpx2.HTTPTransport(verify=self._tls))
        try:
            answer = connection.handle_request(checked)
        except httpx2.TransportError as error:
            raise Interrupted(f"{host} cannot be reached ({type(error).__name__})") from error
        try:
            _refuse_odd(request, answer)
        except BaseException:
            answer.close()
            raise
        return httpx2.Response(
            answer.status_code, headers=answer.headers, stream=_Body(answer, host), extensions=answer.extensions
        )

    def _checked(self, host: str, port: int | None) -> str:
        if (host.lower(), port) == self._hub:
            return host
        if is_address(host):
            addresses = [host]
        else:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except socket.gaierror as error:
                raise Interrupted(f"{host} cannot be found ({error.strerror})") from error
            addresses = [str(entry[4][0]) for entry in found]
        self._guard.refuse_private(host, port, addresses)
        return addresses[0]

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class _Body(httpx2.SyncByteStream):
    """The body of an answer; a connection that is cut in it raises Interrupted."""

    def __init__(self, answer: httpx2.Response, host: str) -> None:
        self._answer, self._host = answer, host

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._answer.stream, httpx2.SyncByteStream)  # noqa: S101 - as of every blocking transport
        try:
            yield from self._answer.stream
        except httpx2.TransportError as error:
            raise Interrupted(f"{self._host} cut the connection ({type(error).__name__})") from error

    def close(self) -> None:
        self._answer.close()


def _refuse_odd(request: httpx2.Request, answer: httpx2.Response) -> None:
    """Raise Interrupted for a busy hub, and SourceError for an answer that no hub gives."""
    asked, status = f"{request.url.host}{request.url.path}", answer.status_code
    if status in _BUSY:
        raise Interrupted(f"'{asked}' answers with the status {status}", seconds_to_wait(answer.headers))
    if status >= 300:
        return
    if "text/html" in answer.headers.get("content-type", ""):
        raise SourceError(
            f"'{asked}' answers with a web page (HTML) in place of data: a page to sign in, or a proxy, stands before "
            "the hub. Is HF_ENDPOINT right, and may this machine reach the hub?"
        )
    if "range" in request.headers and status != 206:
        raise SourceError(
            f"'{asked}' ignores that only a part of the file was asked for (the header Range). It is no hub's answer; "
            "is HF_ENDPOINT right?"
        )


def refusal_of(error: BaseException) -> str | None:
    """Return the reason and the way out for an error of the hub in words, without its text; None for other errors."""
    for kind, reason in _REFUSALS.items():
        if isinstance(error, kind):
            return reason
    status = status_of(error)
    if status in (401, 403):
        return f"the hub refuses the credentials (status {status}). Set HF_TOKEN to a token that may read the data set"
    return f"the hub answers with the status {status}" if status else None
