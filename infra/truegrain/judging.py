"""From image files to outcomes: one request an image, or batches as large as the service takes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from service.answers.batch import JudgedItem
from service.answers.options import Options
from service.answers.problems import IMAGE, Problem
from service.answers.verdict import Verdict
from truegrain.client import Client
from truegrain.errors import Refused
from truegrain.files import ImageFile

BATCH_FILES: Final = 64
BATCH_BYTES: Final = 16_000_000
"""Most images and bytes of a batch; a service takes 64 images and, unless it has other settings, 60 MB."""

_OF_ONE_IMAGE: Final = frozenset({*IMAGE, "internal_error"})
"""Reasons to refuse one image. For any other reason the next image would be refused as well."""


@dataclass(frozen=True)
class Unreadable:
    """Why a file was not sent."""

    detail: str
    reason: Literal["unreadable"] = "unreadable"


Result = Verdict | Problem | Unreadable


@dataclass(frozen=True)
class Outcome:
    """What came of an image: a verdict, or the problem for which there is none."""

    name: str
    result: Result


def judge_each(client: Client, images: Sequence[ImageFile], options: Options) -> Iterator[Outcome]:
    """Yield the outcome of each image, in their order, with a request for each.

    Raises NoAnswer, and Refused with a problem that is not about one image, such as an unknown API key.
    """
    for image in images:
        data = _load(image)
        yield Outcome(image.name, _judge(client, data, options) if isinstance(data, bytes) else data)


def judge_in_batches(client: Client, images: Sequence[ImageFile], options: Options) -> Iterator[Outcome]:
    """Yield the outcome of each image, in their order, with few requests. Raises as `judge_each` does.

    A batch that is too large for the service is halved. Images that had too many pixels for their batch, which only
    the service can know, are sent again in another batch.
    """
    for names, loaded in _batches(images):
        results = iter(_judge_batch(client, [data for data in loaded if isinstance(data, bytes)], options))
        for name, data in zip(names, loaded, strict=True):
            yield Outcome(name, next(results) if isinstance(data, bytes) else data)


def _batches(images: Sequence[ImageFile]) -> Iterator[tuple[list[str], list[bytes | Unreadable]]]:
    """Yield the names and contents of consecutive images that make a batch."""
    names: list[str] = []
    loaded: list[bytes | Unreadable] = []
    size = 0
    for image in images:
        data = _load(image)
        weight = len(data) if isinstance(data, bytes) else 0
        if names and (len(names) == BATCH_FILES or size + weight > BATCH_BYTES):
            yield names, loaded
            names, loaded, size = [], [], 0
        names.append(image.name)
        loaded.append(data)
        size += weight
    yield names, loaded


def _load(image: ImageFile) -> bytes | Unreadable:
    try:
        return image.read()
    except OSError as error:
        return Unreadable(f"the file cannot be read: {error.strerror}")


def _judge(client: Client, data: bytes, options: Options) -> Verdict | Problem:
    try:
        return client.predict(data, options)
    except Refused as error:
        if error.problem.reason not in _OF_ONE_IMAGE:
            raise
        return error.problem


def _judge_batch(client: Client, images: Sequence[bytes], options: Options) -> list[Verdict | Problem]:
    if len(images) < 2:
        return [_judge(client, data, options) for data in images]
    try:
        items = client.predict_batch(images, options)
    except Refused as error:
        if error.problem.reason != "too_many_bytes":
            raise
        middle = len(images) // 2
        return [*_judge_batch(client, images[:middle], options), *_judge_batch(client, images[middle:], options)]
    results = [item.verdict if isinstance(item, JudgedItem) else item.problem for item in items]
    over = [index for index, result in enumerate(results) if _has_too_many_pixels(result)]
    if len(over) < len(images):  # otherwise each of them is too large by itself
        again = _judge_batch(client, [images[index] for index in over], options)
        for index, result in zip(over, again, strict=True):
            results[index] = result
    return results


def _has_too_many_pixels(result: Verdict | Problem) -> bool:
    return isinstance(result, Problem) and result.reason == "too_many_pixels"
