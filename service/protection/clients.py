"""Names the client that a request counts for: its API key, or without a key its network."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from flask import g, request

from service.protection.api_keys import Key

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_HOST_BITS: Final = 64
"""A client chooses the last 64 bits of its IPv6 address itself (RFC 4291), so they do not identify a client."""

_WITH_PORT: Final = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")
"""How some proxies write an address into X-Forwarded-For: with a port."""


def current_client() -> str:
    """Return who the current request counts for: 'key:<name>', or 'address:<network>' when it has no valid key."""
    return client_of(g.key, request.environ)


def client_of(key: Key | None, environ: "WSGIEnvironment") -> str:
    """Return who a request with `environ` counts for that carries the valid `key`, or None."""
    return f"key:{key.name}" if key else client_at(environ.get("REMOTE_ADDR", ""))


def client_at(address: str) -> str:
    """Return the client that a request from `address` without a valid key counts for."""
    return f"address:{network_of(address)}"


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Return the /64 network of an IPv6 address; an IPv4 address, or text that is no address, is returned unchanged."""
    if found := _WITH_PORT.fullmatch(address):
        address = found[1] or found[2]
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv4Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return f"{IPv6Address(int(known) >> _HOST_BITS << _HOST_BITS)}/{128 - _HOST_BITS}"
