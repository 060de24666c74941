"""GET /metrics: what Prometheus scrapes, summed over the workers and the sidecars."""

import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from apiflask import APIFlask
from flask import Response
from prometheus_flask_exporter import PrometheusMetrics

from service.answers.problems import Answers
from service.metrics.service import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.05

RECENT_SECONDS: Final = 1.0
"""Largest age of the metrics that a client gets while another client has the metrics read."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
"""The methods of RFC 9110 and RFC 5789."""

_OTHER: Final = "OTHER"
"""The name under which requests with any other method are counted."""

_ANSWERS: Answers = {200: {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}


def init_app(app: APIFlask, ours: Metrics) -> None:
    """Measure every request by its route, and serve the metrics at /metrics.

    Requests are not measured by path: every guessed address would become a series. For the same reason an unknown
    method is counted as OTHER. With PROMETHEUS_MULTIPROC_DIR set, the exporter reads the files of all processes.

    Everybody gets the same text, whatever the query and the header Accept say.
    """
    app.wsgi_app = ours.counting(_naming_methods(app.wsgi_app))  # type: ignore[assignment, method-assign]
    exporter = PrometheusMetrics(app, path=None, group_by="url_rule", registry=ours.registry)
    shared = Shared(partial(_read, exporter))

    @app.get("/metrics")
    @exporter.do_not_track()  # type: ignore[untyped-decorator]
    @app.doc(responses=_ANSWERS)
    def metrics() -> Response:
        """Export the metrics for Prometheus."""
        ours.settle()
        text, content_type = shared.read()
        return Response(text, content_type=content_type)


def _naming_methods(application: "WSGIApplication") -> "WSGIApplication":
    """Return the application with every method outside _METHODS renamed to OTHER; no route takes such methods."""

    def answer(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environment["REQUEST_METHOD"] not in _METHODS:
            environment["REQUEST_METHOD"] = _OTHER
        return application(environment, start_response)

    return answer


class Shared:
    """Reads the metrics in one thread at a time.

    Reading the metrics takes tens of milliseconds of Python, and needs no key. While 20 threads read side by side,
    verdicts took a hundred times as long.
    """

    def __init__(self, read: Callable[[], tuple[str, str]]) -> None:
        self._read = read
        self._found, self._found_at = ("", ""), -RECENT_SECONDS
        self._reading = threading.Lock()

    def read(self) -> tuple[str, str]:
        """Read the metrics; while another thread reads, return metrics that are at most RECENT_SECONDS old."""
        asked_at = time.monotonic()
        if not self._reading.acquire(blocking=asked_at - self._found_at >= RECENT_SECONDS):
            return self._found
        try:
            if self._found_at < asked_at:  # nobody has read them since
                began_at = time.monotonic()
                self._found = self._read()
                self._found_at = began_at
            return self._found
        finally:
            self._reading.release()


def _read(exporter: PrometheusMetrics) -> tuple[str, str]:
    """Read the metrics of all processes; try again when a process has just made its file and the file is empty."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(struct.error):  # of prometheus_client, which finds no length in an empty file
            return exporter.generate_metrics()  # type: ignore[no-any-return]
        time.sleep(_PAUSE_SECONDS)
    return exporter.generate_metrics()  # type: ignore[no-any-return]
