"""How gunicorn runs MLflow's server: no request leads it outside of its own files, and no page of another origin in."""

from http import HTTPStatus

from flask import Response, jsonify, request
from gunicorn.workers.base import Worker

_ORDINARY = {"name", "tags"}
"""What a request for a new experiment may hold. MLflow reads other fields under two spellings each."""


def post_worker_init(worker: Worker) -> None:
    """Check each request before MLflow does; `worker.wsgi` is MLflow's Flask application."""
    worker.wsgi.before_request(_refuse)


def _refuse() -> Response | None:
    """Refuse a request that names a place for files, or that a page of another origin sent.

    MLflow reads and writes wherever an experiment or the tags of a trace say, with the rights of its own user. So
    anyone who reaches its port could read each file of this user, and write code that is run.
    """
    if _is_foreign():
        return _refusal("a page of another origin sent this request; MLflow answers to its own pages alone")
    rule = request.url_rule.rule if request.url_rule else ""
    if rule.endswith("/experiments/create") and _names_a_place():
        return _refusal("an experiment keeps its files where MLflow does: send 'name' and 'tags' alone")
    if _makes_a_trace(rule):
        return _refusal("this MLflow records no traces: the tags of a trace say where MLflow reads files")
    return None


def _is_foreign() -> bool:
    """Whether a page of another origin sent the request. MLflow itself trusts pages at every port of localhost."""
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != request.host


def _names_a_place() -> bool:
    given = request.get_json(force=True, silent=True)  # as MLflow reads it
    if isinstance(given, dict):
        return any(value for name, value in given.items() if name not in _ORDINARY)
    return given is not None  # MLflow reads JSON within a JSON string, too


def _makes_a_trace(rule: str) -> bool:
    if "/traces" not in rule:
        return False
    return request.method == "PATCH" or (request.method == "POST" and rule.endswith("/traces"))


def _refusal(message: str) -> Response:
    answer = jsonify(error_code="PERMISSION_DENIED", message=message)
    answer.status_code = HTTPStatus.FORBIDDEN
    return answer
