"""Load shedding at accept: a request for which the queue has no place is answered 503 before it is read."""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Final
from uuid import uuid4

from apiflask import APIFlask

from service.answers.problems import MEDIA_TYPE, Problem
from service.metrics.service import Metrics
from service.protection.access import KEY_HEADER
from service.protection.browsers import headers_unread
from service.protection.clients import client_at
from service.protection.overload import COMPUTING, DETAIL, RETRY_SECONDS
from service.protection.queue import STRANGER, Queue
from service.request_log import HEADER, log_request

_FOR_VERDICT: Final = f"POST {COMPUTING}".encode()
_KEYS: Final = (b"authorization", KEY_HEADER.lower().encode())
_TARGET: Final = re.compile(rb"POST (%b(?:/[a-z]{1,16})?)[ ?]" % COMPUTING.encode())


def init_app(app: APIFlask, queue: Queue, metrics: Metrics, *, origins: list[str], proxies: int) -> None:
    """Offer the worker, as `app.extensions["door"]`, the answer to a request that `queue` refuses.

    Behind `proxies` the address of a connection is no client's.
    """
    always = {"Content-Type": MEDIA_TYPE, "Retry-After": str(RETRY_SECONDS), "Connection": "close"}
    lines = [f"{name}: {value}\r\n" for name, value in (always | headers_unread(origins=origins)).items()]
    app.extensions["door"] = partial(_answer_at_the_door, queue, metrics, "".join(lines), proxies)


def _answer_at_the_door(
    queue: Queue, metrics: Metrics, headers: str, proxies: int, peek: Callable[[], bytes], address: str
) -> bytes | None:
    """Return the whole HTTP answer to a request that is refused unread, None for a request that is let in.

    `headers` are the header lines of every such answer. `peek` returns the first bytes of the request, which came
    from `address`.

    Reading a request and answering 503 through Flask takes half as long as a verdict. In an overload the core would
    be busy with refusals. A request whose head does not name its client is let in while the queue has a place for a
    new client.
    """
    started = perf_counter()
    begin = peek()
    if not begin.startswith(_FOR_VERDICT):
        return None
    if not queue.refuse(STRANGER if proxies or _may_hold_key(begin) else client_at(address)):
        return None
    problem = Problem.of("overloaded", DETAIL, request_id=uuid4().hex)
    body = problem.model_dump_json().encode()
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n{headers}"
        f"Content-Length: {len(body)}\r\n{HEADER}: {problem.request_id}\r\n\r\n"
    )
    metrics.turned_away_unread(status=problem.status)
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


def _may_hold_key(begin: bytes) -> bool:
    """Tell whether a request that begins so may carry an API key, which names its client."""
    head, end, _ = begin.lower().partition(b"\r\n\r\n")
    return not end or any(key in head for key in _KEYS)
