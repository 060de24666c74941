"""GET /metrics: what Prometheus scrapes, summed over the workers and the follower."""

from apiflask import APIFlask
from flask import Response, request
from prometheus_flask_exporter import PrometheusMetrics

from service.problems import Answers

_ANSWERS: Answers = {200: {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}


def init_app(app: APIFlask) -> None:
    """Measure every request by its route, and offer the result.

    By route and not by path, or every guessed address would become a series. With PROMETHEUS_MULTIPROC_DIR set the
    exporter reads the files of all processes, so one class serves one worker as well as many.
    """
    registry = app.extensions["truegrain"].metrics.registry
    exporter = PrometheusMetrics(app, path=None, group_by="url_rule", excluded_paths="^/metrics$", registry=registry)

    @app.get("/metrics")
    @app.doc(responses=_ANSWERS)
    def metrics() -> Response:
        """Export the metrics for Prometheus."""
        text, content_type = exporter.generate_metrics(request.headers.get("Accept"), request.args.getlist("name[]"))
        return Response(text, content_type=content_type)
