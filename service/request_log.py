"""Names every request and writes one line of log about it. Images never enter the log, only their hash."""

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
    """Name each request before anything else happens to it, log it after.

    `g.request_id` is the caller's name for it, if there is one. `g.own_request_id` is always ours, so that what the
    service signs has no words of a caller in it.
    """
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(lambda _: clear_contextvars())


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.own_request_id = g.request_id = uuid4().hex
    g.started = perf_counter()
    if _SANE.fullmatch(given):
        g.request_id = given
        bind_contextvars(own_request_id=g.own_request_id)
    bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    log_request(
        request.method,
        request.path,
        status=response.status_code,
        bytes_in=request.content_length,
        started=g.started,
    )
    return response


def log_request(method: str, path: str, *, status: int, bytes_in: int | None, started: float, **more: str) -> None:
    """Write the line about a request that began when perf_counter() was `started`; to be called with the answer."""
    write = log.debug if path in _PROBES else log.info
    milliseconds = round((perf_counter() - started) * 1000, 3)
    write("request", method=method, path=path, status=status, bytes_in=bytes_in, milliseconds=milliseconds, **more)
