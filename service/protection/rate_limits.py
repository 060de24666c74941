"""Limits the requests of each client, counted by API key, or by address if the request has no key."""

import math
import time
from typing import Final

from apiflask import APIFlask
from flask import current_app, g
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits.errors import ConfigurationError

from model.errors import SettingsError
from model.settings import Settings
from service.answers.problems import Refusal
from service.protection.access import role_needed
from service.protection.api_keys import check_limit
from service.protection.clients import current_client

STORAGE_SECONDS: Final = 0.1
"""How long a request waits for an answer of Redis, a few times over."""


def init_app(app: APIFlask, settings: Settings) -> None:
    """Raise RateLimitExceeded in a request of a client that sends more than is granted to it.

    Raises SettingsError for a limit or a storage that is not understood.

    Counting never fails a request: while Redis is away each worker counts for itself, which the log says once.
    """
    try:
        granted = settings.rate_limit and check_limit(settings.rate_limit)
        limiter = Limiter(
            current_client,
            app=app,
            application_limits=[ApplicationLimit(lambda: _limit(granted))],
            strategy="moving-window",
            storage_uri=settings.rate_storage,
            storage_options=_options(settings.rate_storage),  # type: ignore[arg-type]  # Redis takes fractions
            in_memory_fallback_enabled=True,
            swallow_errors=True,
        )
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(f"TRUEGRAIN_RATE_LIMIT or TRUEGRAIN_RATE_STORAGE is not allowed: {error}") from error
    limiter.request_filter(lambda: role_needed() == "open" or not _limit(granted))


def _limit(granted: str) -> str:
    """Return what the client is granted, by its key or like everybody; empty: as much as it likes."""
    return (g.key and g.key.limit) or granted


def _options(storage: str) -> dict[str, float]:
    if storage.startswith("memory://"):
        return {}
    return {"socket_connect_timeout": STORAGE_SECONDS, "socket_timeout": STORAGE_SECONDS}


def describe_breach(error: RateLimitExceeded) -> Refusal:
    """Return the refusal that says what was granted to the client of this request, and when it may come back."""
    [limiter] = current_app.extensions["limiter"]
    breached = limiter.current_limit
    seconds = (
        max(1, math.ceil(breached.window.reset_time - time.time())) if breached else error.limit.limit.get_expiry()
    )
    who = f"the key '{g.client}'" if g.key else "this address"
    detail = f"{error.limit.limit} are granted to {who}; the next is in {seconds} s"
    return Refusal("too_many_requests", detail, headers={"Retry-After": str(seconds)})
