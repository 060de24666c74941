"""One client's flood hardly slows another client: real gunicorn, two clients identified by X-Forwarded-For."""

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

Serve = Callable[..., Any]
Draw = Callable[..., bytes]

FLOODER, VICTIM = "192.0.2.1", "192.0.2.2"
FLOODING = 16
"""Connections that the flooding client keeps busy; a worker computes for one connection at a time."""
SECONDS = 6.0
PAUSE = 0.2
"""Seconds between requests of the victim, far below what a worker could answer."""


def photo(side: int) -> bytes:
    """Return a picture of noise, about a megabyte for each one or two megapixels."""
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((side, side)).save(file, "JPEG", quality=60)
    return file.getvalue()


def send(service: Any, client: str, path: str, images: list[bytes]) -> int:
    field = "files" if "batch" in path else "file"
    files = [(field, (f"{number}.jpg", image)) for number, image in enumerate(images)]
    headers = {"X-Forwarded-For": client}
    return requests.post(f"{service.url}{path}", files=files, headers=headers, timeout=60).status_code


@contextmanager
def flooding(service: Any, path: str, images: list[bytes]) -> Iterator[Counter[int]]:
    """Let the flooding client send without a pause from FLOODING connections; count its answers."""
    enough, statuses = threading.Event(), Counter[int]()

    def flood() -> None:
        while not enough.is_set():
            statuses[send(service, FLOODER, path, images)] += 1

    threads = [threading.Thread(target=flood) for _ in range(FLOODING)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def ask_calmly(service: Any, image: bytes) -> Counter[int]:
    """Let the victim send a request every PAUSE seconds for SECONDS, one at a time; count its answers."""
    with ThreadPoolExecutor(int(SECONDS / PAUSE)) as pool:
        asked = []
        for _ in range(int(SECONDS / PAUSE)):
            asked.append(pool.submit(send, service, VICTIM, "/predict", [image]))
            time.sleep(PAUSE)
    return Counter(answer.result() for answer in asked)


@pytest.mark.parametrize("path", ["/predict", "/predict?stability=true", "/predict/batch?stability=true"])
def test_a_client_that_floods_the_service_takes_at_most_half_of_the_verdicts_of_another(
    serve: Serve, publish: Callable[..., object], draw: Draw, path: str
) -> None:
    publish("1")
    service = serve(workers=1, proxies=1, trusted_hosts="localhost")
    image, large = draw(), photo(1_500)
    calm = ask_calmly(service, image)
    assert set(calm) == {200}
    with flooding(service, path, [large] * (8 if "batch" in path else 1)) as flooder:
        time.sleep(1.0)
        harried = ask_calmly(service, image)
    print(f"{path}: alone {dict(calm)}, beside a flood {dict(harried)}; the flood itself {dict(flooder)}")
    assert harried[200] >= calm[200] / 2
    assert flooder[503] > 0, "a flood that is not too much proves nothing"


def test_a_client_whose_batch_takes_long_leaves_the_turn_to_others_between_its_images(
    serve: Serve, publish: Callable[..., object], draw: Draw
) -> None:
    publish("1")
    service = serve(workers=1, proxies=1, queue_seconds=60)
    batch = [photo(2_000)] * 12
    begun = time.monotonic()
    taken: list[float] = []

    def send_batch() -> None:
        assert send(service, FLOODER, "/predict/batch?stability=true", batch) == 200
        taken.append(time.monotonic() - begun)

    sending = threading.Thread(target=send_batch)
    sending.start()
    answered = 0
    while sending.is_alive():
        answered += send(service, VICTIM, "/predict", [draw()]) == 200
    sending.join()
    assert answered > len(batch) / 2, f"the batch took {taken} s and let only {answered} others go first"
