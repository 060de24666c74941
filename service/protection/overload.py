"""Refuses a request for which the queue has no place, before its upload is read and before Flask sees it."""

from collections.abc import Iterable
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Final

from apiflask import APIFlask
from flask import request
from werkzeug.datastructures import Headers
from werkzeug.wsgi import get_content_length

from model.images.decoding import Limits
from service.answers.problems import MEDIA_TYPE, Problem, Refusal
from service.metrics.service import Metrics
from service.protection.access import find_key
from service.protection.api_keys import Keyring
from service.protection.browsers import harden
from service.protection.clients import client_of
from service.protection.queue import Queue
from service.protection.uploads import read_rest
from service.request_log import HEADER as REQUEST_ID
from service.request_log import log_request, name_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

COMPUTING: Final = "/predict"
"""A POST to this route, or to a route below it, decodes images and runs the detector."""

REASON: Final = "overloaded"

RETRY_SECONDS: Final = 1
"""`Retry-After` for a refused client: within that time the queue moves on."""

DETAIL: Final = (
    f"more images are sent than can be judged; come back in {RETRY_SECONDS} s, or send several in one request"
)
"""The sentence for a refused client."""

_REFUSED: Final = "truegrain.refused"
"""Marks a request that the middleware leaves to Flask to refuse."""

_RETRY: Final = {"Retry-After": str(RETRY_SECONDS)}


def init_app(app: APIFlask, queue: Queue, keyring: Keyring, metrics: Metrics, limits: Limits) -> None:
    """Refuse a request for which `queue` has no place, before Flask and all other checks."""
    app.wsgi_app = LoadShedding(app.wsgi_app, queue, keyring, metrics, limits)  # type: ignore[method-assign]
    app.before_request(_refuse_marked)


def overloaded() -> Refusal:
    """Return the refusal of a request for which the queue has no place, or whose turn did not come in time."""
    return Refusal(REASON, DETAIL, headers=_RETRY)


class LoadShedding:
    """WSGI middleware that answers 503 while the queue has no place for a request's client.

    By way of Flask a refusal takes about six times as long. Only requests of web pages are refused by Flask, whose
    answers name the pages that may read them.
    """

    def __init__(
        self, application: "WSGIApplication", queue: Queue, keyring: Keyring, metrics: Metrics, limits: Limits
    ) -> None:
        self._application = application
        self._queue, self._keyring, self._metrics, self._limits = queue, keyring, metrics, limits

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request that computes with 503 if its client has no place in the queue."""
        if not _computes(environ):
            return self._application(environ, start_response)
        started, key = perf_counter(), find_key(environ, self._keyring)
        if not self._queue.refuse(client_of(key, environ)):
            return self._application(environ, start_response)
        if "HTTP_ORIGIN" in environ:
            environ[_REFUSED] = True
            return self._application(environ, start_response)
        read_rest(environ, self._limits)
        body, headers = _answer(environ)
        self._metrics.rejections.labels(REASON).inc()
        log_request(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            bytes_in=get_content_length(environ),
            started=started,
            reason=REASON,
            request_id=headers[REQUEST_ID],
            **({"client": key.name} if key else {}),
        )
        start_response(f"{HTTPStatus.SERVICE_UNAVAILABLE} Service Unavailable", headers.to_wsgi_list())
        return [body]


def _refuse_marked() -> None:
    if _REFUSED in request.environ:
        raise overloaded()


def _computes(environ: "WSGIEnvironment") -> bool:
    path: str = environ["PATH_INFO"]
    return (path == COMPUTING or path.startswith(f"{COMPUTING}/")) and environ["REQUEST_METHOD"] == "POST"


def _answer(environ: "WSGIEnvironment") -> tuple[bytes, Headers]:
    """Return the body and the headers of a refusal, the same as Flask would give."""
    request_id, _ = name_request(environ.get("HTTP_X_REQUEST_ID", ""))
    body = Problem.of(REASON, DETAIL, request_id=request_id).model_dump_json().encode()
    headers = Headers({"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), REQUEST_ID: request_id, **_RETRY})
    harden(headers, secure=environ["wsgi.url_scheme"] == "https")
    return body, headers
