"""GET /metrics: what Prometheus scrapes, summed over the workers and the sidecars."""

import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from apiflask import APIFlask
from flask import Response, request
from prometheus_flask_exporter import PrometheusMetrics

from service.answers.problems import Answers
from service.metrics.service import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.05

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
"""The methods of RFC 9110 and RFC 5789."""

_OTHER: Final = "OTHER"
"""Stands for every other method."""

_ANSWERS: Answers = {200: {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}


def init_app(app: APIFlask, ours: Metrics) -> None:
    """Measure every request by its route, and offer the result.

    By route and not by path, or every guessed address would become a series; so would every invented method, which is
    called OTHER from here on. With PROMETHEUS_MULTIPROC_DIR set the
    exporter reads the files of all processes, so one class serves one worker as well as many.
    """
    app.wsgi_app = ours.counting(_naming_methods(app.wsgi_app))  # type: ignore[assignment, method-assign]
    exporter = PrometheusMetrics(app, path=None, group_by="url_rule", registry=ours.registry)

    @app.get("/metrics")
    @exporter.do_not_track()  # type: ignore[untyped-decorator]
    @app.doc(responses=_ANSWERS)
    def metrics() -> Response:
        """Export the metrics for Prometheus."""
        ours.settle()
        text, content_type = _read(exporter)
        return Response(text, content_type=content_type)


def _naming_methods(application: "WSGIApplication") -> "WSGIApplication":
    """Return the application with requests of all other methods than _METHODS under one name; no route takes them."""

    def answer(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environment["REQUEST_METHOD"] not in _METHODS:
            environment["REQUEST_METHOD"] = _OTHER
        return application(environment, start_response)

    return answer


def _read(exporter: PrometheusMetrics) -> tuple[str, str]:
    """Read the metrics of all processes; again when one of them has just made its file, which is empty for a moment."""
    asked = request.headers.get("Accept"), request.args.getlist("name[]")
    for _ in range(_ATTEMPTS - 1):
        with suppress(struct.error):  # of prometheus_client, which finds no length in an empty file
            return exporter.generate_metrics(*asked)  # type: ignore[no-any-return]
        time.sleep(_PAUSE_SECONDS)
    return exporter.generate_metrics(*asked)  # type: ignore[no-any-return]
