"""Sends images of known origin to the drill's service and keeps the verdicts."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import requests

from model.drill.record import Answer
from model.errors import TruegrainError
from model.sources.labelled_image import LabelledImage

CLIENTS: Final = 4
"""Clients that send at the same time; fewer than the service's queue holds."""
_TRICKLE_SECONDS: Final = 0.5
"""Pause between two images, because training needs the cores."""
_TIMEOUT: Final = 60.0
_SHOWN: Final = 300
"""Characters of an error answer that are shown."""


@dataclass(frozen=True)
class Judged:
    """An image that was sent, its verdict, and the id of its prediction."""

    image: LabelledImage
    answer: Answer
    id: str


class Traffic:
    """Sends images to the service at `address`; `answers` holds their verdicts, each with the time of `clock` (s)."""

    def __init__(self, address: str, *, clock: Callable[[], float]) -> None:
        self.answers: list[Answer] = []
        self._address = address
        self._clock = clock

    def send(self, images: Iterable[LabelledImage]) -> list[Judged]:
        """Send images, several at a time, and return their verdicts; raises TruegrainError if a request fails."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(self._ask, images))

    @contextmanager
    def trickle(self, images: Iterator[LabelledImage]) -> Iterator[None]:
        """Send an image every half second until the block ends."""
        enough = threading.Event()

        def go_on() -> None:
            while not enough.wait(_TRICKLE_SECONDS):
                self._ask(next(images))

        with ThreadPoolExecutor(1) as client:
            going = client.submit(go_on)
            try:
                yield
            finally:
                enough.set()
        going.result()

    def _ask(self, image: LabelledImage) -> Judged:
        verdict = ask(self._address, image.data)
        answer = Answer(
            seconds=self._clock(),
            generator=image.generator,
            probability=verdict["probability"],
            called=verdict["label"],
            version=verdict["model"]["version"],
        )
        self.answers.append(answer)
        return Judged(image, answer, verdict["id"])


def ask(address: str, data: bytes, *, headers: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Send an image to /predict and return the verdict; raises TruegrainError if the request fails."""
    verdict: dict[str, Any] = post(f"{address}/predict", files={"file": data}, headers=headers).json()
    return verdict


def post(url: str, **what: Any) -> requests.Response:
    """Send a POST request to the drill's service; raises TruegrainError if it is refused or not answered."""
    try:
        answer = requests.post(url, timeout=_TIMEOUT, **what)
    except requests.RequestException as error:
        raise TruegrainError(f"the drill's service gave no answer: {error}") from error
    if not answer.ok:
        raise TruegrainError(f"the drill's service answered {answer.status_code} at {url}: {answer.text[:_SHOWN]}")
    return answer
