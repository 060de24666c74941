"""Gives every request an id and writes one log line about it. The log holds hashes of images, never images."""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from apiflask import APIFlask
from flask import Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "X-Request-ID"

_SANE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
"""A client's request id that is taken over: enough for UUIDs and trace ids, nothing that could forge a log line."""

LONGEST_PATH = 500
"""Characters of a path that are logged; one may have 4,000, and most may need six bytes each."""

_PROBES = {"/healthz", "/readyz", "/metrics"}

log = structlog.get_logger(__name__)


def init_app(app: APIFlask) -> None:
    """Give each request an id before any other step, and log the request after the last one.

    `g.request_id` is the client's id if it sent a usable one. `g.own_request_id` is always made here, so that receipts
    sign no text of a client.
    """
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(lambda _: clear_contextvars())


def name_request(given: str) -> tuple[str, str]:
    """Return the id of a request that named itself `given`, and an id that is made here; the same if none is usable."""
    own = uuid4().hex
    return given if _SANE.fullmatch(given) else own, own


def _begin() -> None:
    g.request_id, g.own_request_id = name_request(request.headers.get(HEADER, ""))
    g.started = perf_counter()
    bind_contextvars(request_id=g.request_id)
    if g.request_id != g.own_request_id:
        bind_contextvars(own_request_id=g.own_request_id)


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
    """Write the log line of a request once its answer is ready; `started` is perf_counter() at its begin."""
    write = log.debug if path in _PROBES else log.info
    milliseconds = round((perf_counter() - started) * 1000, 3)
    write(
        "request",
        method=method,
        path=path[:LONGEST_PATH],
        status=status,
        bytes_in=bytes_in,
        milliseconds=milliseconds,
        **more,
    )
