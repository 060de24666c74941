"""GET /metrics: what Prometheus scrapes, summed over the workers and the sidecars."""

import struct
import time
from contextlib import suppress
from typing import Final

from apiflask import APIFlask
from flask import Response, request
from prometheus_flask_exporter import PrometheusMetrics

from service.answers.problems import Answers
from service.metrics.service import Metrics

_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.05

_ANSWERS: Answers = {200: {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}


def init_app(app: APIFlask, ours: Metrics) -> None:
    """Measure every request by its route, and offer the result.

    By route and not by path, or every guessed address would become a series. With PROMETHEUS_MULTIPROC_DIR set the
    exporter reads the files of all processes, so one class serves one worker as well as many.
    """
    app.wsgi_app = ours.counting(app.wsgi_app)  # type: ignore[assignment, method-assign]
    exporter = PrometheusMetrics(app, path=None, group_by="url_rule", registry=ours.registry)

    @app.get("/metrics")
    @exporter.do_not_track()  # type: ignore[untyped-decorator]
    @app.doc(responses=_ANSWERS)
    def metrics() -> Response:
        """Export the metrics for Prometheus."""
        ours.settle()
        text, content_type = _read(exporter)
        return Response(text, content_type=content_type)


def _read(exporter: PrometheusMetrics) -> tuple[str, str]:
    """Read the metrics of all processes; again when one of them has just made its file, which is empty for a moment."""
    asked = request.headers.get("Accept"), request.args.getlist("name[]")
    for _ in range(_ATTEMPTS - 1):
        with suppress(struct.error):  # of prometheus_client, which finds no length in an empty file
            return exporter.generate_metrics(*asked)  # type: ignore[no-any-return]
        time.sleep(_PAUSE_SECONDS)
    return exporter.generate_metrics(*asked)  # type: ignore[no-any-return]
