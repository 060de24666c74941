"""What every answer tells browsers: what our pages may load, and whose pages may call us."""

from typing import Final

from apiflask import APIFlask
from flask import Response, request
from flask_cors import CORS

from service.protection.access import KEY_HEADER
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

_ONE_YEAR: Final = 31_536_000
_TEN_MINUTES: Final = 600


def init_app(app: APIFlask, *, origins: list[str]) -> None:
    """Set the headers of every answer; pages of `origins`, such as 'https://shop.example', may read ours."""
    app.after_request(_protect)
    if origins:
        CORS(
            app,
            origins=origins,
            methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", KEY_HEADER, REQUEST_ID],
            expose_headers=[REQUEST_ID, "Retry-After"],
            max_age=_TEN_MINUTES,
        )


def _protect(response: Response) -> Response:
    response.headers.extend(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")  # all but the files of the page, which Flask lets age
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"
    return response
