"""GET /metrics: what Prometheus scrapes, summed over the workers and the follower."""

from apiflask import APIFlask
from flask import Response, request
from prometheus_flask_exporter import PrometheusMetrics


def init_app(app: APIFlask) -> None:
    """Measure every request by its route, and offer the result.

    By route and not by path, or every guessed address would become a series. With PROMETHEUS_MULTIPROC_DIR set the
    exporter reads the files of all processes, so one class serves one worker as well as many.
    """
    registry = app.extensions["truegrain"].metrics.registry
    exporter = PrometheusMetrics(app, path=None, group_by="url_rule", registry=registry)

    @app.get("/metrics")
    @app.doc(responses={200: {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}})
    @exporter.do_not_track()
    def metrics() -> Response:
        """Export the metrics for Prometheus."""
        text, content_type = exporter.generate_metrics(request.headers.get("Accept"), request.args.getlist("name[]"))
        return Response(text, content_type=content_type)
