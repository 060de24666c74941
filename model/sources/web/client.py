"""The HTTP client of sources: checks each address before it connects, also at every redirect."""

from functools import partial
from socket import AddressFamily
from typing import Any, Final

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp import DefaultResolver as SystemResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from model.sources.web.reach import Guard, is_address

_SECONDS_TO_CONNECT: Final = 10
_SECONDS_OF_SILENCE: Final = 60
_SECONDS_FOR_A_PAGE: Final = 60
"""For short answers: the page of a folder, a declaration, the headers of a file. A download may take longer."""


def options_for(guard: Guard) -> dict[str, Any]:
    """Return fsspec's options for a web server.

    A server that is silent for a minute is given up. A long download is not: aiohttp's default would end it after five
    minutes.
    """
    return {"client_kwargs": {"timeout": _timeout(None)}, "get_client": partial(_open_session, guard)}


def options_for_a_page() -> dict[str, Any]:
    """Return fsspec's options to open a short file, which must arrive within a minute even if bytes keep coming."""
    return {"timeout": _timeout(_SECONDS_FOR_A_PAGE)}


def options_for_headers() -> dict[str, Any]:
    """Return fsspec's options to ask for the headers of a file, once by HEAD and once by GET."""
    return {"timeout": _SECONDS_FOR_A_PAGE}  # fsspec itself waits for so long, and takes only a number


def _timeout(seconds: float | None) -> ClientTimeout:
    return ClientTimeout(total=seconds, sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_OF_SILENCE)


class _Resolver(AbstractResolver):
    """Asks the system for the addresses of a name, and checks them; only checked addresses are connected to."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._system = SystemResolver()

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        self._guard.refuse_private(host, port, [entry["host"] for entry in found])
        return found

    async def close(self) -> None:
        await self._system.close()


async def _open_session(guard: Guard, **options: Any) -> ClientSession:
    async def look(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
        host = request.url.host or ""
        if is_address(host):  # an address reaches no resolver
            guard.refuse_private(host, request.url.port, [host])
        return await send(request)

    return ClientSession(connector=TCPConnector(resolver=_Resolver(guard)), middlewares=(look,), **options)
