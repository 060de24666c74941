"""Names the client that a request counts for: its API key, or without a key its network."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from flask import g, request

_HOST_BITS: Final = 64
"""A client chooses the last 64 bits of its IPv6 address itself (RFC 4291), so they do not identify a client."""

_WITH_PORT: Final = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")
"""How some proxies write an address into X-Forwarded-For: with a port."""


def current_client() -> str:
    """Return who the current request counts for: 'key:<name>', or 'address:<network>' when it has no valid key."""
    return f"key:{g.client}" if g.key else client_at(request.remote_addr or "")


def client_at(address: str) -> str:
    """Return the client that a request from `address` without a valid key counts for."""
    return f"address:{network_of(address)}"


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
