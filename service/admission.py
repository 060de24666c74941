"""Which requests compute now: one in a worker, a few in line behind it; the rest are turned away with 503.

onnxruntime fills a core, so requests that compute side by side only make each other late. Whoever is turned away knows
so at once and can come back, while those let in are answered as fast as ever.
"""

from time import perf_counter
from typing import Final

from apiflask import APIFlask
from flask import g, request
from structlog.contextvars import bind_contextvars

from service.context import context
from service.problems import Refusal

COMPUTING: Final = "/predict"
"""A POST to this route, or to one below it, decodes images and asks the detector."""

RETRY_SECONDS: Final = 1
"""What `Retry-After` asks of a client that was turned away: by then a line has moved on."""


def init_app(app: APIFlask) -> None:
    """Send the requests that compute through the turnstile; how long each stood in line is observed and logged."""
    app.before_request(_enter)
    app.teardown_request(_leave)


def _enter() -> None:
    if not _computes():
        return
    shared = context()
    if shared.turnstile.full:
        raise _turned_away()
    request.get_data(parse_form_data=True)  # the whole upload, for a slow one would hold up those behind it
    arrived = perf_counter()
    g.has_turn = shared.turnstile.enter()
    waited = perf_counter() - arrived
    shared.metrics.queue_seconds.observe(waited)
    bind_contextvars(queue_ms=round(waited * 1000, 3))
    if not g.has_turn:
        raise _turned_away()


def _leave(_: BaseException | None) -> None:
    if g.pop("has_turn", False):
        context().turnstile.leave()


def _computes() -> bool:
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method == "POST" and (rule == COMPUTING or rule.startswith(f"{COMPUTING}/"))


def _turned_away() -> Refusal:
    detail = f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
    return Refusal("overloaded", detail, headers={"Retry-After": str(RETRY_SECONDS)})
