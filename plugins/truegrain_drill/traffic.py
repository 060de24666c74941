"""Traffic: images of known origin that the drill's service judges, and what it answered."""

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
"""Who ask at the same time, fewer than the service lets wait."""
_TRICKLE_SECONDS: Final = 0.5
"""Between two images while training needs the cores."""
_TIMEOUT: Final = 60.0
_SHOWN: Final = 300
"""Characters of an answer that was not hoped for."""


@dataclass(frozen=True)
class Judged:
    """An image that was sent, the verdict on it and its id."""

    image: LabelledImage
    answer: Answer
    id: str


class Traffic:
    """Sends images to the service at `address`; `answers` holds a verdict for each, at the time that `clock` tells."""

    def __init__(self, address: str, *, clock: Callable[[], float]) -> None:
        self.answers: list[Answer] = []
        self._address = address
        self._clock = clock

    def send(self, images: Iterable[LabelledImage]) -> list[Judged]:
        """Have images judged, several at a time; raises TruegrainError when one is not."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(self._ask, images))

    @contextmanager
    def trickle(self, images: Iterator[LabelledImage]) -> Iterator[None]:
        """Have an image judged now and then until the block ends."""
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
    """Have an image judged and return the verdict; raises TruegrainError for any other answer."""
    verdict: dict[str, Any] = post(f"{address}/predict", files={"file": data}, headers=headers).json()
    return verdict


def post(url: str, **what: Any) -> requests.Response:
    """Send a request to the drill's service; raises TruegrainError when it is refused or not answered."""
    try:
        answer = requests.post(url, timeout=_TIMEOUT, **what)
    except requests.RequestException as error:
        raise TruegrainError(f"the drill's service gave no answer: {error}") from error
    if not answer.ok:
        raise TruegrainError(f"the drill's service answered {answer.status_code} at {url}: {answer.text[:_SHOWN]}")
    return answer
