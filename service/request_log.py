"""A name for every request, and one line of log about it. Images never enter the log, only their hash."""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from apiflask import APIFlask
from flask import Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "X-Request-ID"

_SANE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
"""What we take over from a caller: enough for UUIDs and trace ids, nothing that could forge a line of log."""

_PROBES = {"/healthz", "/readyz", "/metrics"}

log = structlog.get_logger(__name__)


def init_app(app: APIFlask) -> None:
    """Name each request before anything else happens to it, log it after."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(lambda _: clear_contextvars())


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _SANE.fullmatch(given) else uuid4().hex
    g.started = perf_counter()
    bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    write = log.debug if request.path in _PROBES else log.info
    write(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        bytes_in=request.content_length,
        milliseconds=round((perf_counter() - g.started) * 1000, 3),
    )
    return response
