"""Asks a store again after an error that passes: a cut connection, a busy server, a rate limit.

This is the only place where sources wait and ask again, whatever the protocol.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from model.errors import SourceError, TruegrainError

MOST_TRIES: Final = 6
FIRST_WAIT: Final = 0.5
"""Seconds before the second try; each further wait is twice as long."""

LONGEST_WAIT: Final = 300.0
"""Seconds. A server that asks for a longer wait is left alone: the next run asks again."""

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP's statuses of a request that may succeed later."""

_NETWORK: Final[Mapping[str, tuple[str, ...]]] = {
    "aiohttp": ("ClientConnectionError", "ClientPayloadError"),
    "botocore.exceptions": ("ConnectionError", "HTTPClientError"),
    "httpx2": ("TransportError",),
    "requests": ("ConnectionError", "Timeout"),
}
"""Errors of the network by their package. A package that is not imported has raised nothing."""

_log = structlog.get_logger(__name__)
_Answer = TypeVar("_Answer")


class Interrupted(OSError):
    """A server broke off, or asked for a pause of `seconds`; None if the server names no time."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


def again(ask: Callable[[], _Answer], what: str) -> _Answer:
    """Return what `ask` returns; after an error that passes, wait and ask again, up to MOST_TRIES times in all.

    `what` names in the log what is asked for. The last error is raised as it is. Raises SourceError for a server that
    asks to wait longer than LONGEST_WAIT.
    """

    def tell(state: RetryCallState) -> None:
        _log.warning("asked_again", what=what, reason=_name(_error_of(state)), seconds=state.upcoming_sleep)

    def wait(state: RetryCallState) -> float:
        asked = _asked_wait(_error_of(state))
        if asked is not None and asked > LONGEST_WAIT:
            raise SourceError(
                f"The server of '{what}' limits how often it is asked, and wants {asked:,.0f} s to pass. Run the task "
                "again then: what was read before is not read again."
            )
        return FIRST_WAIT * 2 ** (state.attempt_number - 1) if asked is None else asked

    retrying = Retrying(
        retry=retry_if_exception(passes),
        stop=stop_after_attempt(MOST_TRIES),
        wait=wait,
        before_sleep=tell,
        reraise=True,
    )
    return retrying(ask)


def passes(error: BaseException) -> bool:
    """Whether the same request may succeed later. The error's innermost cause that is understood decides."""
    if isinstance(error, TruegrainError):
        return False
    for each in reversed(list(_causes(error))):
        status = status_of(each)
        if status is not None:
            return status in _PASSING
        # Not TimeoutError: what must arrive within a time of ours may come byte by byte, for ever.
        if isinstance(each, Interrupted | ConnectionError) or _is_of_the_network(each):
            return True
    return False


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of any client reports; None if the error reports none."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        found: Any = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(response, "status_code", None) or getattr(error, "status", None)
    return found if isinstance(found, int) else None


def _asked_wait(error: BaseException) -> float | None:
    """Return the seconds that a server asks to wait, or None; a date in place of seconds is not read."""
    for each in _causes(error):
        if isinstance(each, Interrupted) and each.seconds is not None:
            return each.seconds
        headers = getattr(each, "headers", None) or getattr(getattr(each, "response", None), "headers", None)
        if isinstance(headers, Mapping) and (seconds := seconds_to_wait(headers)) is not None:
            return seconds
    return None


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the header `Retry-After`; None without the header, and for a date in it."""
    text = headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def _error_of(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None  # noqa: S101 - tenacity calls this only after an error
    return error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it, the outermost first."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__


def _is_of_the_network(error: BaseException) -> bool:
    for package, names in _NETWORK.items():
        module = sys.modules.get(package)
        if module is not None and isinstance(error, tuple(getattr(module, name) for name in names)):
            return True
    return False


def _name(error: BaseException) -> str:
    """Name an error without its text, which may quote an address with a signature."""
    innermost = list(_causes(error))[-1]
    status = status_of(innermost)
    return type(innermost).__name__ + (f" {status}" if status else "")
