"""Simulates traffic that has not drifted, and photographs that look like AI images, and counts wrong answers."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from model.detectors.traffic_sample import Reference, Sample
from model.monitoring.drift import Drift, measure
from model.monitoring.limits import read_limits
from truegrain_bench.results.results import Figure

_AXES: Final = 32
_REFERENCE: Final = 300
_WINDOW: Final = 1000
_WINDOWS: Final = 200
"""Windows of each kind of traffic, each with a reference of its own."""
_BURST: Final = 10
_ALIKE: Final = 0.9
"""Correlation of the images of a burst."""
_COMMAND: Final = "make bench-full"

Drawing = Callable[[np.random.Generator], Sample]
Matrix = NDArray[np.float64]


def wrong_alarms() -> Iterator[Figure]:
    """Measure windows of traffic of the reference's kind, and windows of photographs of another kind."""
    kinds: dict[str, Drawing] = {
        "independent": _draw_independent,
        "burst": _draw_bursts,
        "repeated": _draw_repeated,
    }
    for name, draw in kinds.items():
        found = [_measure(seed, draw) for seed in range(_WINDOWS)]
        alarms = sum(drift.attribution != "none" for drift in found)
        yield Figure(f"drift.{name}_alarms", round(100 * alarms / _WINDOWS, 1), "%", _COMMAND)
    photographs = [_measure(seed, _draw_photographs) for seed in range(_WINDOWS)]
    told = sum(drift.accuracy is not None for drift in photographs)
    yield Figure("drift.unfounded_estimates", round(100 * told / _WINDOWS, 1), "%", _COMMAND)


def _measure(seed: int, draw: Drawing) -> Drift:
    random = np.random.default_rng(seed)
    label = np.arange(_REFERENCE) % 2
    reference = Reference(sample=_to_sample(_draw_images(random, label), random), label=label.astype(np.uint8))
    return measure(reference, draw(random), threshold=0.5, band=(0.4, 0.6), limits=read_limits())


def _draw_independent(random: np.random.Generator) -> Sample:
    return _to_sample(_draw_images(random, random.integers(2, size=_WINDOW)), random)


def _draw_bursts(random: np.random.Generator) -> Sample:
    """Draw bursts of images of one scene, each image distributed like an independent one."""
    label = np.repeat(random.integers(2, size=_WINDOW // _BURST), _BURST)
    scenes = np.repeat(random.normal(size=(_WINDOW // _BURST, _AXES)), _BURST, axis=0)
    own = random.normal(size=(_WINDOW, _AXES))
    return _to_sample(_place(np.sqrt(_ALIKE) * scenes + np.sqrt(1 - _ALIKE) * own, label), random)


def _draw_repeated(random: np.random.Generator) -> Sample:
    """Draw a window in which one file came 100 times."""
    ordinary = _draw_independent(random)
    position = np.arange(_WINDOW)
    position[random.choice(_WINDOW, 100, replace=False)] = 0
    return ordinary.take(position)


def _draw_photographs(random: np.random.Generator) -> Sample:
    """Draw real images of which a third to nine tenths look like AI images, in another place or not."""
    looks_like_ai = random.random(_WINDOW) < random.choice([0.33, 0.6, 0.9])
    embedding = _draw_images(random, looks_like_ai.astype(int))
    embedding[:, 1:] += random.choice([0, 0.5, 1.5, 4]) / np.sqrt(_AXES - 1)
    return _to_sample(embedding, random)


def _draw_images(random: np.random.Generator, label: NDArray[np.integer]) -> Matrix:
    return _place(random.normal(size=(len(label), _AXES)), label)


def _place(noise: Matrix, label: NDArray[np.integer]) -> Matrix:
    """Make embeddings whose first axis tells the classes apart; all axes have about the variance 1."""
    embedding = noise.copy()
    embedding[:, 0] = 0.55 * noise[:, 0] + np.where(label == 1, 0.85, -0.85)
    return embedding


def _to_sample(embedding: Matrix, random: np.random.Generator) -> Sample:
    images = len(embedding)
    side = random.choice([256, 384, 512, 640, 768, 1024], images)
    return Sample(
        probability=expit(5.2 * embedding[:, 0]),
        embedding=embedding.astype(np.float32),
        width=side,
        height=side,
        bytes=(0.2 * side**2 * np.exp(random.normal(0, 0.3, images))).astype(np.int64),
        jpeg_quality=random.choice([75.0, 80, 85, 90, 95], images),
        format=random.choice(["JPEG", "PNG"], images, p=[0.8, 0.2]),
    )
