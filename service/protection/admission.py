"""Which requests compute now: one in a worker, a few in line behind it; the rest are turned away with 503.

onnxruntime fills a core, so requests that compute side by side only make each other late. Whoever is turned away knows
so at once and can come back, while those let in are answered as fast as ever.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Final
from uuid import uuid4

from apiflask import APIFlask
from flask import request
from structlog.contextvars import bind_contextvars

from service.context import Context, context
from service.problems import MEDIA_TYPE, Problem, Refusal
from service.request_log import HEADER

COMPUTING: Final = "/predict"
"""A POST to this route, or to one below it, decodes images and asks the detector."""

RETRY_SECONDS: Final = 1
"""What `Retry-After` asks of a client that was turned away: by then a line has moved on."""

_FOR_VERDICT: Final = f"POST {COMPUTING}".encode()

_DETAIL: Final = (
    f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
)


def init_app(app: APIFlask) -> None:
    """Turn away who could not even stand in line, at the worker's door or at least before the upload is read."""
    app.before_request(_turn_away)
    app.extensions["door"] = partial(_answer_at_the_door, app.extensions["truegrain"])


def _answer_at_the_door(shared: Context, peek: Callable[[], bytes]) -> bytes | None:
    """Return the whole HTTP answer to a request that is turned away unread, None to one that is let in.

    `peek` looks at how the request begins.

    To read it, and to let Flask answer, takes as long as half a verdict; a crowd would get those instead of verdicts.
    """
    if not shared.turnstile.full or not peek().startswith(_FOR_VERDICT) or not shared.turnstile.turn_away():
        return None
    shared.metrics.rejections.labels("overloaded").inc()
    request_id = uuid4().hex
    body = Problem.of("overloaded", _DETAIL, request_id=request_id).model_dump_json().encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"Retry-After: {RETRY_SECONDS}\r\n{HEADER}: {request_id}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def turn() -> Iterator[None]:
    """Hold the turn while the block computes; raises Refusal `overloaded` when it does not come.

    To be entered with the upload in memory, for whoever holds the turn while a client sends makes all others wait.
    """
    shared, arrived = context(), perf_counter()
    entered = shared.turnstile.enter()
    waited = perf_counter() - arrived
    bind_contextvars(queue_ms=round(waited * 1000, 3))
    if not entered:
        shared.metrics.turn_ended(waited=waited, computed=0)
        raise _overloaded()
    begun = perf_counter()
    try:
        yield
    finally:
        shared.turnstile.leave()
        shared.metrics.turn_ended(waited=waited, computed=perf_counter() - begun)


def _turn_away() -> None:
    if _computes() and context().turnstile.turn_away():
        raise _overloaded()


def _computes() -> bool:
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method == "POST" and (rule == COMPUTING or rule.startswith(f"{COMPUTING}/"))


def _overloaded() -> Refusal:
    return Refusal("overloaded", _DETAIL, headers={"Retry-After": str(RETRY_SECONDS)})
