"""Measures how the platform reacts to an unseen generator, and to ordinary traffic."""

import io
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import requests
from PIL import Image

from model.drill.goals import goals
from model.drill.record import Drill
from model.images.degradations import resize
from model.monitoring.database import opened
from model.monitoring.drift_history import history
from model.sources.synthetic import Order, draw_image
from truegrain_bench.results.results import Figure
from truegrain_rig.stack import PYTHON, running

FULL: Final = "make bench-full"
NEWCOMER: Final = "patch"
"""The built-in generator that a detector trained on the other generators recognises worst."""

REQUESTS: Final = 10_000
BLOCK: Final = 500
"""Requests in a row that come from one kind of source."""
CLIENTS: Final = 4

Way = Callable[[Image.Image, np.random.Generator], bytes]


def new_generator() -> Iterator[Figure]:
    """Run `make drill` in a temporary home."""
    with tempfile.TemporaryDirectory(prefix="truegrain-drill-") as folder:
        with (
            suppress(subprocess.CalledProcessError),  # raised for a missed goal, which the figures show
            running(home=Path(folder), up=(str(PYTHON), "-m", "truegrain_local.drill", NEWCOMER)),
        ):
            pass
        [record] = Path(folder).glob("drills/*/drill.json")
        drill = Drill.from_json(record.read_bytes())
    for goal in goals(drill):
        if goal.value is not None:
            yield Figure(f"drill.{goal.name}", round(goal.value.value, 1), goal.unit, FULL)


def ordinary_traffic() -> Iterator[Figure]:
    """Send images of the known generators in codecs and sizes as sites and apps pass images on."""
    order, began_at = Order(images=REQUESTS, seed=99), datetime.now(UTC)
    with running(drift_seconds=1.0) as stack, ThreadPoolExecutor(CLIENTS) as clients:
        for begin in range(0, REQUESTS, BLOCK):
            images = (pass_on(order, number) for number in range(begin, begin + BLOCK))
            for answer in clients.map(lambda data: _ask(stack.service, data), images):
                answer.raise_for_status()
        with opened(stack.settings.predictions_url) as engine:
            results = history(engine, since=began_at, until=datetime.now(UTC))
    alarms = [result for result in results if result.attribution == "new_generator"]
    yield Figure("drill.false_alarms", len(alarms), "alarms", FULL)


def pass_on(order: Order, number: int) -> bytes:
    """Draw an image of an order, unchanged or re-encoded in the way of its block."""
    data, way = draw_image(order, number).data, WAYS[number // BLOCK % len(WAYS)]
    if way is None:
        return data
    with Image.open(io.BytesIO(data)) as image:
        return way(image.convert("RGB"), np.random.default_rng((order.seed, number)))


def _ask(service: str, data: bytes) -> requests.Response:
    return requests.post(f"{service}/predict", files={"file": data}, timeout=60)


def _as_jpeg(image: Image.Image, rng: np.random.Generator) -> bytes:
    return _save(image, "JPEG", quality=int(rng.integers(30, 96)))


def _as_webp(image: Image.Image, rng: np.random.Generator) -> bytes:
    return _save(image, "WEBP", quality=int(rng.integers(50, 96)))


def _as_png(image: Image.Image, _: np.random.Generator) -> bytes:
    return _save(image, "PNG")


def _in_another_size(image: Image.Image, rng: np.random.Generator) -> bytes:
    return _as_jpeg(resize(image, factor=float(rng.uniform(0.5, 2.0))), rng)


def _anyhow(image: Image.Image, rng: np.random.Generator) -> bytes:
    ways: tuple[Way, ...] = (_as_jpeg, _as_webp, _as_png, _in_another_size)
    return ways[int(rng.integers(len(ways)))](image, rng)


def _save(image: Image.Image, format_: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


WAYS: Final[tuple[Way | None, ...]] = (None, _as_jpeg, _as_webp, _as_png, _in_another_size, _anyhow)
"""Ways in which images are re-encoded before they reach a service; None: unchanged."""
