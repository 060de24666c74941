"""Answers every error with a problem: exceptions in, RFC 9457 problem+json out."""

from http import HTTPStatus

from apiflask import APIFlask
from flask import Response, g, make_response, request
from flask_limiter import RateLimitExceeded
from gunicorn.http.errors import ParseException
from structlog.contextvars import bind_contextvars
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, SecurityError

from model.errors import InvalidImage
from service.answers.problems import MEDIA_TYPE, RETRY, Problem, Refusal
from service.context import context
from service.protection.bodies import describe_excess
from service.protection.rate_limits import describe_breach

RETRY_SECONDS = 5
"""`Retry-After` of a problem that sets no other time."""

_REASONS = {404: "not_found", 405: "method_not_allowed", 413: "too_many_bytes", 500: "internal_error"}


def init_app(app: APIFlask) -> None:
    """Answer every error of the application with a problem."""
    app.register_error_handler(InvalidImage, _refuse_image)
    app.register_error_handler(Refusal, _refuse)
    app.register_error_handler(RateLimitExceeded, lambda error: _refuse(describe_breach(error)))
    app.register_error_handler(SecurityError, _refuse_host)
    app.register_error_handler(ParseException, _refuse_body)
    app.register_error_handler(HTTPException, _translate)


def _refuse_image(error: InvalidImage) -> Response:
    return _answer(error.reason, str(error))


def _refuse_host(_: SecurityError) -> Response:
    host = request.headers.get("Host", "")[:80]
    return _answer("untrusted_host", f"the service has no host name '{host}'; TRUEGRAIN_TRUSTED_HOSTS lists them")


def _refuse_body(_: ParseException) -> Response:
    return _answer("bad_request", "the chunks of the body, or the fields behind them, are not as HTTP has them")


def _refuse(error: Refusal) -> Response:
    response = _answer(error.reason, error.detail)
    response.headers.update(error.headers)
    if error.reason in RETRY:
        response.headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return response


def _translate(error: HTTPException) -> Response | HTTPException:
    """Turn Werkzeug's errors into problems; an unexpected exception arrives here as status 500."""
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    if isinstance(error, ClientDisconnected):
        return _answer(
            "incomplete", "only a part of the request arrived: the connection broke off, or the upload took too long"
        )
    reason = _REASONS.get(error.code, "bad_request")
    response = _answer(reason, _detail(reason, error), status=error.code)
    response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _detail(reason: str, error: HTTPException) -> str:
    if reason == "too_many_bytes":
        return describe_excess(request)
    if reason == "not_found":
        return f"there is no address '{request.path[:80]}'; /docs lists all addresses"
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        known = ", ".join(sorted(error.valid_methods))
        return f"'{request.path[:80]}' does not take {request.method[:20]}; it takes {known}"
    if reason == "internal_error":
        return "the request was not at fault; the service's log has the cause under this request_id"
    return error.description or error.name


def _answer(reason: str, detail: str, *, status: int | None = None) -> Response:
    problem = Problem.of(reason, detail, request_id=g.request_id, status=status)
    context().metrics.rejections.labels(reason).inc()
    bind_contextvars(reason=reason)
    return make_response(problem.model_dump_json(), problem.status, {"Content-Type": MEDIA_TYPE})
