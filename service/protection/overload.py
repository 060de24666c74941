"""Refuses a request for which the queue has no place, before its upload is read."""

from functools import partial
from typing import Final

from apiflask import APIFlask
from flask import request

from service.answers.problems import Refusal
from service.protection.clients import current_client
from service.protection.queue import Queue

COMPUTING: Final = "/predict"
"""A POST to this route, or to a route below it, decodes images and runs the detector."""

RETRY_SECONDS: Final = 1
"""`Retry-After` for a refused client: within that time the queue moves on."""

DETAIL: Final = (
    f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
)
"""The sentence for a refused client."""


def init_app(app: APIFlask, queue: Queue) -> None:
    """Refuse a request for which `queue` has no place, before its upload is read."""
    app.before_request(partial(_refuse_early, queue))


def overloaded() -> Refusal:
    """Return the refusal of a request for which the queue has no place, or whose turn did not come in time."""
    return Refusal("overloaded", DETAIL, headers={"Retry-After": str(RETRY_SECONDS)})


def _refuse_early(queue: Queue) -> None:
    if _computes() and queue.refuse(current_client()):
        raise overloaded()


def _computes() -> bool:
    rule = request.url_rule.rule if request.url_rule else ""
    return request.method == "POST" and (rule == COMPUTING or rule.startswith(f"{COMPUTING}/"))
