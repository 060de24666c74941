"""The HTTP client of sources: each address is looked at before it is connected to, at every redirect."""

from functools import partial
from socket import AddressFamily
from typing import Any, Final

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp import DefaultResolver as SystemResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from model.sources.web.reach import Guard, is_address

_SECONDS_TO_CONNECT: Final = 10
_SECONDS_OF_SILENCE: Final = 60


def options_for(guard: Guard) -> dict[str, Any]:
    """Return fsspec's options for a web server.

    A silent server is given up, a long download is not: the default ends one after five minutes.
    """
    timeout = ClientTimeout(total=None, sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_OF_SILENCE)
    return {"client_kwargs": {"timeout": timeout}, "get_client": partial(_open_session, guard)}


class _Resolver(AbstractResolver):
    """Asks the system for the addresses of a name. Those that were looked at here are connected to, and no others."""

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
        if is_address(host):  # of which no resolver is asked
            guard.refuse_private(host, request.url.port, [host])
        return await send(request)

    return ClientSession(connector=TCPConnector(resolver=_Resolver(guard)), middlewares=(look,), **options)
