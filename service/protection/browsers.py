"""Sets security headers, and checks which pages, host names and proxies the service trusts."""

import re
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from apiflask import APIFlask
from flask import Response, request
from flask_cors import CORS
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix

from model.errors import SettingsError
from service.answers.problems import Refusal
from service.protection.access import KEY_HEADER, REPORT_HEADER
from service.protection.bodies import BODILESS
from service.protection.uploads import MemoryRequest
from service.request_log import HEADER as REQUEST_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CONTENT_SECURITY_POLICY: Final = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer, after OWASP's cheat sheet "HTTP Security Response Headers"."""

LOCAL: Final = ("localhost", "127.0.0.1")
"""Host names that are always trusted, like [::1]: local probes use them, and they are of no use to attackers."""

_IPV6_LOCAL: Final = re.compile(r"\[::1\](:\d{1,5})?")

ANY: Final = "*"
"""In TRUEGRAIN_CORS_ORIGINS: all origins."""

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_CACHE: Final = {"Cache-Control": "no-store"}
"""On every answer but the static files of the page, which browsers may cache."""

_EXPOSED: Final = (REQUEST_ID, "Retry-After")
_OWN_PAGES: Final = ("same-origin", "none")
"""Sec-Fetch-Site of requests by the service's own page, and of an address that a person typed.

'same-site' is a page at another port of the same host, or at a sibling domain.
"""
_ONE_YEAR: Final = 31_536_000
_TEN_MINUTES: Final = 600


class NamedRequest(MemoryRequest):
    """A request to a service with trusted host names: TRUSTED_HOSTS, and [::1], which Werkzeug cannot take there."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        super().__init__(environ)
        if _IPV6_LOCAL.fullmatch(environ.get("HTTP_HOST", "")):
            self.trusted_hosts = []


class LocalRequest(NamedRequest):
    """A request to a service without trusted host names: on a loopback socket the names are LOCAL.

    Otherwise a web page could reach the service by DNS rebinding: the host name of its site would point to this
    machine.
    """

    def __init__(self, environ: "WSGIEnvironment") -> None:
        super().__init__(environ)
        if self.trusted_hosts is None and _is_loopback(environ["SERVER_NAME"]):
            self.trusted_hosts = [*LOCAL]


def init_app(app: APIFlask, *, origins: list[str], hosts: list[str], proxies: int) -> None:
    """Set the headers of every answer, and refuse requests by host name and by site.

    1. Pages of `origins`, such as 'https://shop.example', may read answers. Pages of other sites can change nothing.
    2. Requests to other host names than `hosts` are refused. Without `hosts`, a service on a loopback address accepts
       only its LOCAL names, and any other service accepts all names.
    3. X-Forwarded-For and X-Forwarded-Proto are trusted for so many `proxies`. Each proxy appends the address that
       called it, so the last `proxies` entries are the proxies' own. Entries before them may be forged.

    Raises SettingsError for an entry of `origins` that is no origin.
    """
    _check_origins(origins)
    app.after_request(_protect)
    app.request_class = NamedRequest if hosts else LocalRequest
    if hosts:
        app.config["TRUSTED_HOSTS"] = [*hosts, *LOCAL]
    app.before_request(partial(_refuse_other_sites, {origin.lower() for origin in origins}))
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    if origins:
        CORS(
            app,
            origins=origins,
            methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", KEY_HEADER, REPORT_HEADER, REQUEST_ID],
            expose_headers=_EXPOSED,
            max_age=_TEN_MINUTES,
        )


def _check_origins(origins: list[str]) -> None:
    """Raise SettingsError unless each entry is ANY or an origin: flask-cors accepts regular expressions, too."""
    for origin in origins:
        if origin != ANY and not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"TRUEGRAIN_CORS_ORIGINS={origin!r} is not allowed: write {ANY} for all pages, or each origin as"
                " https://shop.example or http://shop.example:8080, without a path and without a pattern"
            )


def _is_loopback(address: str) -> bool:
    """Whether `address`, which a socket is bound to, is a loopback address; gunicorn gives it as SERVER_NAME."""
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a name: another server than gunicorn, or a Unix socket
        return False


def _refuse_other_sites(origins: set[str]) -> None:
    """Refuse requests that a page of another site makes a browser send, such as a form (CSRF)."""
    if request.method in BODILESS or ANY in origins:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "")
    # Over plain HTTP, browsers send Sec-Fetch-Site to localhost alone. Schemes may differ: a proxy may have ended TLS.
    is_other = site not in _OWN_PAGES if site else bool(origin) and origin.lower().partition("://")[2] != _own_host()
    if is_other and origin.lower() not in origins:
        raise Refusal(
            "cross_site",
            f"a page of another site ('{origin[:80]}') sent this request; TRUEGRAIN_CORS_ORIGINS lists sites that may",
        )


def _own_host() -> str:
    """Return the host and port that the request was sent to, as the origin of a page has them."""
    return request.host.lower()


def harden(headers: Headers, *, secure: bool) -> None:
    """Add the security headers of every answer; `secure` is whether the request came over TLS."""
    headers.extend(SECURITY_HEADERS)
    for name, value in _CACHE.items():
        headers.setdefault(name, value)
    if secure:
        headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"


def _protect(response: Response) -> Response:
    harden(response.headers, secure=request.is_secure)
    return response
