"""Rate limits of each client, in units: one a request, or one an image and one for each megapixel of the image.

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
from service.answers.problems import Refusal
from service.protection.access import role_needed
from service.protection.api_keys import check_limit
from service.protection.clients import current_client

STORAGE_SECONDS: Final = 0.1
"""How long a request waits for each answer of Redis; a request asks a few times."""

MEGAPIXEL: Final = 1_000_000

_SCOPE: Final = "global"
"""One count for all routes."""

_UNAFFORDABLE: Final = "unaffordable"
"""The count of requests that `charge` refused. Such requests were read, so a client may send as many as it has units.

It is a separate count: a client that tries again too early must not lose the units that it waits for.
"""

_REASON: Final = "too_many_requests"


@dataclass(frozen=True)
class _Charging:
    """The limit of clients that have none of their own, `granted`, and the functions that charge a request's client.

    `check` raises RateLimitExceeded unless `g.units` are left of `g.limit`, and `take` takes them.
    """

    granted: str
    check: Callable[[], None]
    take: Callable[[], None]


def init_app(app: APIFlask, settings: Settings) -> None:
    """Raise RateLimitExceeded in a request of a client that sends more than is granted to it.

    Raises SettingsError for a limit or a storage that is not understood.

    A request is let in while a unit is left. It pays its unit when it is answered, or its units when `charge` is
    called. Requests that `charge` refuses are counted too: a client may send as many of them as it has units.
    A failure to count never fails a request: without Redis each worker counts for itself, and logs this once.
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
    """Charge the client for so many images, with so many pixels together.

    A request that costs more than the whole limit costs the whole limit. Raises RateLimitExceeded if too few units are
    left.
    """
    charging = _charging()
    g.cost = max(1, images + pixels // MEGAPIXEL)
    limits = parse_many(_limit(charging.granted))
    for do in (charging.check, charging.take):  # all checks first: no limit is charged if another one refuses
        for limit in limits:
            g.limit, g.units = limit, min(g.cost, limit.amount)
            do()
    g.paid = True


def _charging() -> _Charging:
    return cast(_Charging, current_app.extensions["charging"])


def _charged(granted: str) -> Callable[[], str]:
    """Return a function that gives the limit to charge; flask-limiter also calls it before `charge` has set one."""
    return lambda: str(g.get("limit") or _limit(granted))


def _units() -> int:
    return int(g.units)


def _check_units() -> None:
    """Do nothing: flask-limiter limits calls of functions, and this is the function whose calls it limits."""


def _take_units() -> None:
    """Do nothing, like `_check_units`; flask-limiter needs a function of another name."""


def _is_unpaid(_: Response) -> bool:
    """Whether an answered request must still pay its one unit; a request refused by the rate limit pays none."""
    return not g.get("paid") and not g.get("breached")


def _is_unaffordable(_: Response) -> bool:
    """Whether `charge` refused the answered request."""
    return "cost" in g and not g.get("paid")


def _limit(granted: str) -> str:
    """Return the limit of the client: its key's own or the general one; empty: no limit."""
    return (g.key and g.key.limit) or granted


def _options(storage: str) -> dict[str, float]:
    if storage.startswith("memory://"):
        return {}
    return {"socket_connect_timeout": STORAGE_SECONDS, "socket_timeout": STORAGE_SECONDS}


def describe_breach(error: RateLimitExceeded) -> Refusal:
    """Return the refusal that names the client's limit, the cost of the request and when to try again.

    Marks the request, so that it pays no unit.
    """
    g.breached = True
    [limiter] = current_app.extensions["limiter"]
    breached = limiter.current_limit
    seconds = (
        max(1, math.ceil(breached.window.reset_time - time.time())) if breached else error.limit.limit.get_expiry()
    )
    who = f"the key '{g.client}'" if g.key else "this address"
    cost = g.get("cost", 1)
    needs = f", this request costs {cost} units: one an image, and one a megapixel" if cost > 1 else ""
    detail = f"{error.limit.limit} are granted to {who}{needs}; try again in {seconds} s"
    return Refusal(_REASON, detail, headers={"Retry-After": str(seconds)})
