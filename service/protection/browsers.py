"""The headers of every answer, the pages that may call the service, the names and proxies that it believes."""

from typing import Final

from apiflask import APIFlask
from flask import Response, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from service.protection.access import KEY_HEADER, REPORT_HEADER
from service.request_log import HEADER as REQUEST_ID

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

LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names that are always trusted: probes on the same machine use them, and an attacker has no use for them."""

_CACHE: Final = {"Cache-Control": "no-store"}
"""On every answer but the files of the page, which Flask lets age."""

_EXPOSED: Final = (REQUEST_ID, "Retry-After")
_ONE_YEAR: Final = 31_536_000
_TEN_MINUTES: Final = 600


def init_app(app: APIFlask, *, origins: list[str], hosts: list[str], proxies: int) -> None:
    """Set the headers of every answer; pages of `origins`, such as 'https://shop.example', may read the answers.

    Requests to other names than `hosts` (empty: any) are refused. X-Forwarded-* of so many `proxies` is believed. A
    proxy adds to X-Forwarded-For the address that it was called from, so the last `proxies` entries are the proxies'
    own. Any entry before these may be forged.
    """
    app.after_request(_protect)
    if hosts:
        app.config["TRUSTED_HOSTS"] = [*hosts, *LOCAL]
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    if origins:
        CORS(
            app,
            origins=origins,
            methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", KEY_HEADER, REPORT_HEADER, REQUEST_ID],
            expose_headers=_EXPOSED,
            max_age=_TEN_MINUTES,
        )


def headers_unread(*, origins: list[str]) -> dict[str, str]:
    """Return the headers of an answer to a request whose own headers were not read.

    Such a request tells neither its origin nor whether it came by TLS. So pages of other origins may read the answer
    only if `origins` lists a single one, or '*', and no answer has Strict-Transport-Security.
    """
    headers = SECURITY_HEADERS | _CACHE
    if len(origins) == 1:
        headers |= {"Access-Control-Allow-Origin": origins[0], "Access-Control-Expose-Headers": ", ".join(_EXPOSED)}
    return headers


def _protect(response: Response) -> Response:
    response.headers.extend(SECURITY_HEADERS)
    for name, value in _CACHE.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"
    return response
