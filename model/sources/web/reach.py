"""Says which hosts a source on the web may lead to: public hosts, and hosts that the settings name."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Self
from urllib.parse import urlsplit

from model.errors import SettingsError, SourceError
from model.settings import Settings

_PORTS: Final = {"http": 80, "https": 443}
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that contain an IPv4 address, to which a gateway translates them (RFC 6052)."""
_OWN_GATEWAY: Final = IPv6Network("64:ff9b:1::/48")
"""IPv6 addresses that a network's own gateway translates (RFC 8215). Python 3.11 takes them for public ones."""

Host = tuple[str, int | None]
"""A name or an address in lower case, and a port; as a permission, None stands for every port."""


@dataclass(frozen=True)
class Reach:
    """What sources may reach beyond public hosts: the named `hosts`, and `most_bytes` of one file on the web."""

    hosts: tuple[Host, ...] = ()
    most_bytes: int = 50_000_000_000

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings allow; raises SettingsError for a text that is no list of hosts."""
        hosts = tuple(_parse(text.strip()) for text in settings.source_hosts.split(",") if text.strip())
        return cls(hosts, round(settings.source_max_gb * 1e9))

    def names(self, host: str, port: int | None) -> bool:
        """Whether `hosts` names a host with this port or for every port; the host of an object store is a bucket."""
        return (host.lower(), None) in self.hosts or (host.lower(), port) in self.hosts


PUBLIC: Final = Reach()
"""Public hosts of the internet only: the default."""


@dataclass(frozen=True)
class Guard:
    """Checks each connection of a source; `own` is the host in the source's location, as a person wrote it."""

    own: Host
    reach: Reach

    def refuse_private(self, host: str, port: int | None, addresses: Sequence[str]) -> None:
        """Raise SourceError if a host has a private address, and nobody has named the host.

        A host is named in two cases:

        1. `reach` names the host.
        2. The host is `own`, and is an address or a name without a dot, which only the local network resolves.

        A name of the internet is not enough: it may lead to any address, and to another address tomorrow.
        """
        if ((host.lower(), port) == self.own and _is_plain(host)) or self.reach.names(host, port):
            return
        private = [address for address in addresses if is_private(ip_address(address))]
        if private:
            raise SourceError(
                f"A source on the web leads to '{host}' ({private[0]}), which is this machine or lies in a private "
                "network. If sources may reach it, name it in TRUEGRAIN_SOURCE_HOSTS; else name another source."
            )


def host_of(url: str) -> Host:
    """Return the host and the port of a URL; raises SourceError if either cannot be read."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise SourceError(f"The host in the URL of a source cannot be read: {error}.") from None


def is_address(host: str) -> bool:
    """Whether a host is written as an address and not as a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_private(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is not a public address of the internet.

    An IPv6 address that contains an IPv4 address counts as the IPv4 address.
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(inner)
        if address.is_site_local or address in _OWN_GATEWAY:
            return True
    return not address.is_global or address.is_multicast


def _is_plain(host: str) -> bool:
    return is_address(host) or "." not in host


def _parse(text: str) -> Host:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.netloc != text or "@" in text:
        raise SettingsError(f"TRUEGRAIN_SOURCE_HOSTS: '{text}' is no host such as data.example or 10.0.0.5:8080")
    return host.lower(), port
