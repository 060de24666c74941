"""Which requests compute now: one in a worker, a few in line behind it; the rest are turned away with 503.

onnxruntime fills a core, so requests that compute side by side only make each other late. Whoever is turned away knows
so at once and can come back, while those let in are answered as fast as ever.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Final
from uuid import uuid4

from apiflask import APIFlask
from flask import request
from structlog.contextvars import bind_contextvars

from service.answers.problems import MEDIA_TYPE, Problem, Refusal
from service.context import Context, context
from service.protection.browsers import headers_unread
from service.request_log import HEADER, log_request

COMPUTING: Final = "/predict"
"""A POST to this route, or to one below it, decodes images and asks the detector."""

RETRY_SECONDS: Final = 1
"""What `Retry-After` asks of a client that was turned away: by then a line has moved on."""

_FOR_VERDICT: Final = f"POST {COMPUTING}".encode()
_TARGET: Final = re.compile(rb"POST (%b(?:/[a-z]+)?)[ ?]" % COMPUTING.encode())

_DETAIL: Final = (
    f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
)


def init_app(app: APIFlask, *, origins: list[str]) -> None:
    """Turn away who could not even stand in line, at the worker's door or at least before the upload is read."""
    app.before_request(_turn_away)
    always = {"Content-Type": MEDIA_TYPE, "Retry-After": str(RETRY_SECONDS), "Connection": "close"}
    lines = [f"{name}: {value}\r\n" for name, value in (always | headers_unread(origins=origins)).items()]
    app.extensions["door"] = partial(_answer_at_the_door, app.extensions["truegrain"], "".join(lines))


def _answer_at_the_door(shared: Context, headers: str, peek: Callable[[], bytes]) -> bytes | None:
    """Return the whole HTTP answer to a request that is turned away unread, None to one that is let in.

    `headers` are those of every such answer, a line each. `peek` looks at how the request begins.

    To read it, and to let Flask answer, takes as long as half a verdict; a crowd would get those instead of verdicts.
    """
    started = perf_counter()
    if not shared.turnstile.full or not (begin := peek()).startswith(_FOR_VERDICT) or not shared.turnstile.turn_away():
        return None
    problem = Problem.of("overloaded", _DETAIL, request_id=uuid4().hex)
    body = problem.model_dump_json().encode()
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n{headers}"
        f"Content-Length: {len(body)}\r\n{HEADER}: {problem.request_id}\r\n\r\n"
    )
    shared.metrics.turned_away_unread(status=problem.status)
    target = _TARGET.match(begin)
    log_request(
        "POST",
        target[1].decode() if target else COMPUTING,
        status=problem.status,
        bytes_in=None,
        started=started,
        request_id=problem.request_id,
        reason=problem.reason,
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
