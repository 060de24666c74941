"""Decides who may call what: a request needs a key with the role of its route, or is refused."""

from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

from apiflask import APIFlask
from flask import g, request
from structlog.contextvars import bind_contextvars

from model.feedback.reports import ANONYMOUS
from service.answers.problems import Refusal
from service.protection.api_keys import Key, Keyring, Role

KEY_HEADER: Final = "X-API-Key"

REPORT_HEADER: Final = "X-Report-Token"
"""The header in which a caller without a key sends the token of a report, the licence to change it."""

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
"""The role that a route needs, and with it the routes below it that are not listed themselves."""

_CHALLENGE: Final = 'Bearer realm="truegrain"'
GONE: Final = (
    "the file of API keys is gone, so nobody can be told from anybody else; its operator puts the file back, or"
    " restarts the service without keys"
)
"""What is refused, and what /health says, while the file of keys that was there is not."""

_HOW: Final = f"send one as 'Authorization: Bearer <key>' or '{KEY_HEADER}: <key>'"


def identify_callers(app: APIFlask, keyring: Keyring) -> None:
    """Find out whose key each request came with; `g.key` and `g.client`, the key's name, say so from then on."""
    app.before_request(partial(_identify, keyring))


def check_roles(app: APIFlask, keyring: Keyring, *, required: bool) -> None:
    """Admit each request or refuse it; to be called after `identify_callers`.

    A key that is sent must be valid and have the role. Whether one must be sent is `required`. While the file of keys
    is gone nobody is admitted.
    """
    app.before_request(partial(_admit, keyring, required=required))


def role_of(rule: str) -> Role | Literal["open"]:
    """Return the role that the route `rule` needs; what ROLES does not know needs 'admin'."""
    while rule and rule not in ROLES:
        rule = rule.rpartition("/")[0]
    return ROLES.get(rule, "admin")


def role_needed() -> Role | Literal["open"]:
    """Return the role that the current request needs: none to learn that an address is wrong or what CORS allows."""
    if request.url_rule is None or request.method == "OPTIONS":
        return "open"
    return role_of(request.url_rule.rule)


def _identify(keyring: Keyring) -> None:
    g.key, g.client = None, ANONYMOUS
    secret = _secret()
    if role_needed() == "open" or not secret:
        return
    key = keyring.find(secret)
    if key and not key.expired(datetime.now(UTC)):
        g.key, g.client = key, key.name
        bind_contextvars(client=key.name)


def _admit(keyring: Keyring, *, required: bool) -> None:
    role, secret = role_needed(), _secret()
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


def _secret() -> str | None:
    try:
        given = request.authorization
    except ValueError:  # Werkzeug's, of a Basic one in other letters than ASCII
        given = None
    return given.token if given and given.type == "bearer" else request.headers.get(KEY_HEADER)


def _refuse_key(key: Key | None) -> Refusal:
    """Return why a key that was sent is not accepted; a challenge as in RFC 6750 says that the key is what failed."""
    challenge = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
    if key is None:
        detail = "the API key is not known here: it may be mistyped, or was rotated or revoked"
        return Refusal("key_unknown", detail, headers=challenge)
    detail = f"the API key '{key.name}' expired on {key.expires:%Y-%m-%d %H:%M} UTC; ask for a new one"
    return Refusal("key_expired", detail, headers=challenge)
