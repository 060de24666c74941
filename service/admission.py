"""Which requests compute now: one in a worker, a few in line behind it; the rest are turned away with 503.

onnxruntime fills a core, so requests that compute side by side only make each other late. Whoever is turned away knows
so at once and can come back, while those let in are answered as fast as ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from apiflask import APIFlask
from flask import request
from structlog.contextvars import bind_contextvars

from service.context import context
from service.problems import Refusal

COMPUTING: Final = "/predict"
"""A POST to this route, or to one below it, decodes images and asks the detector."""

RETRY_SECONDS: Final = 1
"""What `Retry-After` asks of a client that was turned away: by then a line has moved on."""


def init_app(app: APIFlask) -> None:
    """Turn away who could not even stand in line, before the upload is read."""
    app.before_request(_turn_away)


@contextmanager
def turn() -> Iterator[None]:
    """Hold the turn while the block computes; raises Refusal `overloaded` when it does not come.

    To be entered with the upload in memory, for whoever holds the turn while a client sends makes all others wait.
    """
    shared, arrived = context(), perf_counter()
    entered = shared.turnstile.enter()
    waited = perf_counter() - arrived
    shared.metrics.queue_seconds.observe(waited)
    bind_contextvars(queue_ms=round(waited * 1000, 3))
    if not entered:
        raise _overloaded()
    try:
        yield
    finally:
        shared.turnstile.leave()


def _turn_away() -> None:
    if _computes() and context().turnstile.full:
        raise _overloaded()


def _computes() -> bool:
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method == "POST" and (rule == COMPUTING or rule.startswith(f"{COMPUTING}/"))


def _overloaded() -> Refusal:
    detail = f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
    return Refusal("overloaded", detail, headers={"Retry-After": str(RETRY_SECONDS)})
