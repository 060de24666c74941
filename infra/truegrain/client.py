"""Asks a running service for verdicts: `with Client(url) as client: client.predict(Path("photo.jpg"))`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import requests
from pydantic import BaseModel, ValidationError

from service.answers.batch import Batch, JudgedItem, RefusedItem
from service.answers.options import Options
from service.answers.problems import MEDIA_TYPE, Problem
from service.answers.verdict import Verdict
from truegrain.errors import NoAnswer, Refused

__all__ = ["Client", "NoAnswer", "Options", "Problem", "Refused", "Verdict"]

LOCAL_URL: Final = "http://127.0.0.1:8000"
"""Address of the service that `make up` starts."""

PATIENCE: Final = 60.0
TIMEOUT: Final = 60.0
CONNECT_SECONDS: Final = 5.0

_BUSY: Final = (429, 503)
_USUAL_PAUSE: Final = 1.0
"""Seconds until the next attempt if `Retry-After` names no time, and the shortest time that is waited."""

_KEY_HEADER: Final = "X-API-Key"  # `requests` overwrites the header Authorization with what .netrc has
_PLAIN: Final = Options()
_Answer = TypeVar("_Answer", bound=BaseModel)
_Files = list[tuple[str, tuple[str, bytes]]]


class Client:
    """A service at an address. Its connection stays open until `close`, or until the `with` block ends.

    A client is for one thread at a time.
    """

    def __init__(
        self,
        url: str = LOCAL_URL,
        *,
        key: str | None = None,
        patience: float = PATIENCE,
        timeout: float = TIMEOUT,
        on_pause: Callable[[float], None] | None = None,
    ) -> None:
        """Name the service by its address `url`, and the API key to send.

        A busy service (429, 503) is asked again after the time in `Retry-After`. A request waits for at most
        `patience` seconds in all. `on_pause` is called with the seconds of each wait before it begins. `timeout` is
        the longest silence of the service, in seconds.
        """
        self._url = url.rstrip("/")
        self._patience = patience
        self._timeouts = (min(CONNECT_SECONDS, timeout), timeout)
        self._on_pause = on_pause
        self._session = requests.Session()
        if key:
            self._session.headers[_KEY_HEADER] = key

    def predict(self, image: bytes | Path, options: Options = _PLAIN) -> Verdict:
        """Return the verdict on an image file, given as its bytes or by its path.

        Raises Refused with the service's problem, NoAnswer if the service did not answer, and OSError if the file
        cannot be read.
        """
        data = image if isinstance(image, bytes) else image.read_bytes()
        headers = {"Content-Type": "application/octet-stream"}
        return self._ask("predict", Verdict, options, data=data, headers=headers)

    def predict_batch(
        self, images: Sequence[bytes | Path], options: Options = _PLAIN
    ) -> Sequence[JudgedItem | RefusedItem]:
        """Return a verdict or a problem for each image, in their order; they are sent as one request.

        A service takes up to 64 images, and by default 60 MB. Raises as `predict` does.
        """
        files = [("files", _named(image)) for image in images]
        return self._ask("predict/batch", Batch, options, files=files).items

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self,
        path: str,
        kind: type[_Answer],
        options: Options,
        *,
        data: bytes | None = None,
        files: _Files | None = None,
        headers: dict[str, str] | None = None,
    ) -> _Answer:
        left = self._patience
        while True:
            try:
                answer = self._session.post(
                    f"{self._url}/{path}",
                    params=_query(options),
                    data=data,
                    files=files,
                    headers=headers,
                    timeout=self._timeouts,
                    allow_redirects=False,  # after a redirect a POST becomes a GET
                )
            except (requests.RequestException, ValueError) as error:
                raise NoAnswer(
                    f"{self._url} does not answer ({_cause(error)}); is it the service's address?"
                ) from error
            pause = _pause(answer)
            if pause is None or pause > left:
                return self._read(answer, kind)
            left -= pause
            if self._on_pause:
                self._on_pause(pause)
            time.sleep(pause)

    def _read(self, answer: requests.Response, kind: type[_Answer]) -> _Answer:
        is_problem = answer.headers.get("Content-Type", "").startswith(MEDIA_TYPE)
        try:
            if is_problem:
                raise Refused(Problem.model_validate_json(answer.content))
            if answer.status_code == requests.codes.ok:
                return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise NoAnswer(
                f"{self._url} answers in words that this client does not know; is it of the same release? {error}"
            ) from error
        if answer.status_code == requests.codes.request_entity_too_large:
            detail = "a proxy before the service does not let so large a request through"
            raise Refused(Problem.of("too_many_bytes", detail, request_id=""))
        where = answer.headers.get("Location")
        raise NoAnswer(
            f"{self._url} answers with the status {answer.status_code}"
            + (f" and leads to {where}: use that address" if where else ", which is no answer of Truegrain's service")
        )


def _named(image: bytes | Path) -> tuple[str, bytes]:
    return ("image", image) if isinstance(image, bytes) else (image.name, image.read_bytes())


def _query(options: Options) -> dict[str, str]:
    """Return the options that differ from the defaults, as the service reads them."""
    given = {name: value for name, value in asdict(options).items() if value != getattr(_PLAIN, name)}
    return {name: "true" if value is True else str(value) for name, value in given.items()}


def _pause(answer: requests.Response) -> float | None:
    """Return the seconds that a busy service asks for; None if the service is not busy."""
    if answer.status_code not in _BUSY:
        return None
    asked = answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return max(float(asked), _USUAL_PAUSE)
    try:
        until = parsedate_to_datetime(asked)  # the other form of RFC 9110, which some proxies send
    except ValueError:
        return _USUAL_PAUSE
    return max((until.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds(), _USUAL_PAUSE)


def _cause(error: Exception) -> str:
    """Return the innermost reason of a failure of `requests`, whose own text repeats every layer."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    while error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    return str(reason or error)
