"""Limits what each client may ask for, in units: one a request, or one an image and one for each of its megapixels.

Units are counted by API key, or by network if the request has no key.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from apiflask import APIFlask
from flask import Response, current_app, g
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits import parse_many
from limits.errors import ConfigurationError

from model.errors import SettingsError
from model.settings import Settings
from service.answers.problems import PROBLEMS, Refusal
from service.protection.access import role_needed
from service.protection.api_keys import check_limit
from service.protection.clients import current_client

STORAGE_SECONDS: Final = 0.1
"""How long a request waits for an answer of Redis, a few times over."""

MEGAPIXEL: Final = 1_000_000

_SCOPE: Final = "global"
"""One count for all routes."""

_UNAFFORDABLE: Final = "unaffordable"
"""The count of requests that `charge` refused. They were read, so a client may send as many as it has units.

It is a count of its own, or a client would lose the units that it waits for whenever it asks whether they are there.
"""

_REASON: Final = "too_many_requests"


@dataclass(frozen=True)
class _Charging:
    """What is granted to clients without a limit of their own, and how units are taken off that of a request's client.

    `check` raises RateLimitExceeded unless `g.units` are left of `g.limit`, and `take` takes them.
    """

    granted: str
    check: Callable[[], None]
    take: Callable[[], None]


def init_app(app: APIFlask, settings: Settings) -> None:
    """Raise RateLimitExceeded in a request of a client that sends more than is granted to it.

    Raises SettingsError for a limit or a storage that is not understood.

    A request is let in while a unit is left, and takes its units when it is answered, or when `charge` is called. Those
    that `charge` refuses are counted, too: as many are let in as the client has units.
    Counting never fails a request: while Redis is away each worker counts for itself, which the log says once.
    """
    try:
        granted = settings.rate_limit and check_limit(settings.rate_limit)
        limiter = Limiter(
            current_client,
            app=app,
            application_limits=[
                ApplicationLimit(lambda: _limit(granted), scope=scope, deduct_when=counts)
                for scope, counts in ((_SCOPE, _is_unpaid), (_UNAFFORDABLE, _is_unaffordable))
            ],
            strategy="moving-window",
            storage_uri=settings.rate_storage,
            storage_options=_options(settings.rate_storage),  # type: ignore[arg-type]  # Redis takes fractions
            in_memory_fallback_enabled=True,
            swallow_errors=True,
        )
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(f"TRUEGRAIN_RATE_LIMIT or TRUEGRAIN_RATE_STORAGE is not allowed: {error}") from error
    limiter.request_filter(lambda: role_needed() == "open" or not _limit(granted))
    check = limiter.shared_limit(_charged(granted), _SCOPE, cost=_units, deduct_when=lambda _: False)
    take = limiter.shared_limit(_charged(granted), _SCOPE, cost=_units)
    app.extensions["charging"] = _Charging(granted, check(_check_units), take(_take_units))


def is_limited() -> bool:
    """Tell whether anything is counted against the client of the current request."""
    return bool(_limit(_charging().granted))


def charge(*, images: int, pixels: int) -> None:
    """Take the units of so many images, which have so many pixels together, off what is granted to the client.

    One that would take more than is granted at a time takes all of it. Raises RateLimitExceeded if too little is left.
    """
    charging = _charging()
    g.cost = max(1, images + pixels // MEGAPIXEL)
    limits = parse_many(_limit(charging.granted))
    for do in (charging.check, charging.take):  # first all, so that of two limits none is charged for nothing
        for limit in limits:
            g.limit, g.units = limit, min(g.cost, limit.amount)
            do()
    g.paid = True


def _charging() -> _Charging:
    return cast(_Charging, current_app.extensions["charging"])


def _charged(granted: str) -> Callable[[], str]:
    """Return the limit that is charged; flask-limiter asks before one is charged, too."""
    return lambda: str(g.get("limit") or _limit(granted))


def _units() -> int:
    return int(g.units)


def _check_units() -> None:
    """Do nothing: flask-limiter limits calls, and this is what it limits."""


def _take_units() -> None:
    """Do nothing, likewise; flask-limiter tells what it limits by name."""


def _is_unpaid(response: Response) -> bool:
    """Whether an answered request has yet to take its one unit; one that was refused for want of units takes none."""
    return not g.get("paid") and response.status_code != PROBLEMS[_REASON][0]


def _is_unaffordable(_: Response) -> bool:
    """Whether `charge` refused the answered request."""
    return "cost" in g and not g.get("paid")


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
    cost = g.get("cost", 1)
    needs = f", this request takes {cost}: an image is one, and so is each megapixel" if cost > 1 else ""
    detail = f"{error.limit.limit} are granted to {who}{needs}; the next is in {seconds} s"
    return Refusal(_REASON, detail, headers={"Retry-After": str(seconds)})
