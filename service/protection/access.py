"""Refuses requests that lack the role of their route: a role comes with an API key."""

from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Final, Literal

from apiflask import APIFlask
from flask import g, request
from structlog.contextvars import bind_contextvars
from werkzeug.datastructures import Authorization

from model.feedback.reports import ANONYMOUS
from service.answers.problems import Refusal
from service.protection.api_keys import Key, Keyring, Role

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY_HEADER: Final = "X-API-Key"
_KEY_VARIABLE: Final = "HTTP_X_API_KEY"

REPORT_HEADER: Final = "X-Report-Token"
"""The header for the token of a report, which lets a caller without an API key change the report."""

ROLES: Final[dict[str, Role | Literal["open"]]] = {
    "/": "open",
    "/static": "open",
    "/docs": "open",
    "/openapi.json": "open",
    "/healthz": "open",
    "/readyz": "open",
    "/metrics": "open",
    "/receipts": "open",
    "/model": "predict",
    "/health": "predict",
    "/predict": "predict",
    "/predict/compare": "admin",
    "/feedback": "feedback",
}
"""The role that a route needs. A route that is not listed needs the role of the nearest listed route above it."""

_CHALLENGE: Final = 'Bearer realm="truegrain"'
GONE: Final = (
    "the file of API keys is gone, so the service cannot check any key; its operator puts the file back, or"
    " restarts the service without keys"
)
"""The reason for refusals, and a trouble in /health, after the file of keys has disappeared."""

_HOW: Final = f"send one as 'Authorization: Bearer <key>' or '{KEY_HEADER}: <key>'"


def identify_callers(app: APIFlask, keyring: Keyring) -> None:
    """Look up the key of each request; from then on `g.key` holds it, and `g.client` its name or ANONYMOUS."""
    app.before_request(partial(_identify, keyring))


def check_roles(app: APIFlask, keyring: Keyring, *, required: bool) -> None:
    """Admit each request or refuse it; call this after `identify_callers`.

    A key that is sent must be valid and have the role of the route. With `required`, each request must send a key.
    While the file of keys is gone, requests are refused; /health then answers only if keys are not `required`.
    """
    app.before_request(partial(_admit, keyring, required=required))


@cache
def role_of(rule: str) -> Role | Literal["open"]:
    """Return the role that the route `rule` needs: 'admin' if ROLES lists neither the route nor one above it."""
    while rule and rule not in ROLES:
        rule = rule.rpartition("/")[0]
    return ROLES.get(rule, "admin")


def role_needed() -> Role | Literal["open"]:
    """Return the role that the current request needs; unknown addresses and OPTIONS (CORS) are 'open'."""
    if request.url_rule is None or request.method == "OPTIONS":
        return "open"
    return role_of(request.url_rule.rule)


def find_key(environ: "WSGIEnvironment", keyring: Keyring) -> Key | None:
    """Return the key that a request carries; None if it carries none, or one that is unknown or has expired."""
    secret = _read_secret(environ)
    key = keyring.find(secret) if secret else None
    return None if key is None or key.expired(datetime.now(UTC)) else key


def _identify(keyring: Keyring) -> None:
    g.key, g.client = None, ANONYMOUS
    if role_needed() != "open" and (key := find_key(request.environ, keyring)):
        g.key, g.client = key, key.name
        bind_contextvars(client=key.name)


def _admit(keyring: Keyring, *, required: bool) -> None:
    role, secret = role_needed(), _read_secret(request.environ)
    if role == "open":
        return
    if keyring.is_gone() and (required or not _asks_for_health()):
        raise Refusal("keys_unavailable", GONE)
    if g.key:
        if not g.key.may(role):
            held = ", ".join(g.key.roles)
            raise Refusal("role_missing", f"this needs the role '{role}'; the key '{g.client}' has: {held}")
    elif secret:
        raise _refuse_key(keyring.find(secret))
    elif required:
        challenge = {"WWW-Authenticate": _CHALLENGE}
        raise Refusal("key_missing", f"this needs an API key with the role '{role}': {_HOW}", headers=challenge)


def _asks_for_health() -> bool:
    return request.url_rule is not None and request.url_rule.rule == "/health"


def _read_secret(environ: "WSGIEnvironment") -> str | None:
    try:
        given = Authorization.from_header(environ.get("HTTP_AUTHORIZATION"))
    except ValueError:  # raised by Werkzeug for Basic credentials that are not ASCII
        given = None
    return given.token if given and given.type == "bearer" else environ.get(_KEY_VARIABLE)


def _refuse_key(key: Key | None) -> Refusal:
    """Return the refusal of a key that is unknown or expired, with the challenge `invalid_token` of RFC 6750."""
    challenge = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
    if key is None:
        detail = "the API key is not known here: it may be mistyped, or was rotated or revoked"
        return Refusal("key_unknown", detail, headers=challenge)
    detail = f"the API key '{key.name}' expired on {key.expires:%Y-%m-%d %H:%M} UTC; ask for a new one"
    return Refusal("key_expired", detail, headers=challenge)
