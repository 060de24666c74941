"""Requests that wait together are scored together, each with its own scores, and errors reach each of them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from model.detectors.detector import Detector, Scores
from service.verdicts import scorer as scorer_module
from service.verdicts.judging import TENSOR_ROWS
from service.verdicts.scorer import Scorer


@pytest.fixture
def detector(tiny_artifact: Callable[..., Path]) -> Detector:
    return Detector.load(tiny_artifact())


class Watched:
    """A detector that tells how many rows each tensor had, and holds the first one until it is released."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.rows: list[int] = []
        self.begun, self.released = threading.Event(), threading.Event()

    def score(self, pixels: NDArray[np.uint8]) -> Scores:
        self.rows.append(len(pixels))
        self.begun.set()
        assert self.released.wait(30)
        return self._detector.score(pixels)


def draw(detector: Detector, count: int) -> list[NDArray[np.uint8]]:
    size = detector.preprocess.size
    images = np.random.default_rng(0).integers(0, 256, (count, 1, size, size, 3), dtype=np.uint8)
    return list(images)


def score_while_held(scorer: Scorer, watched: Any, images: list[NDArray[np.uint8]], wait_until: Any) -> list[Any]:
    """Score all images, so that all but the first come while the first is scored."""
    with ThreadPoolExecutor(len(images)) as pool:
        first = pool.submit(scorer.score, watched, images[0])
        assert watched.begun.wait(30)
        others = [pool.submit(scorer.score, watched, image) for image in images[1:]]
        wait_until(lambda: len(scorer._waiting) == len(others), what="all to wait")
        watched.released.set()
        return [scored.exception() or scored.result()[0] for scored in (first, *others)]


def test_what_comes_while_a_tensor_is_scored_makes_the_next_tensor(
    detector: Detector, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "together", TENSOR_ROWS)
    watched, images = Watched(detector), draw(detector, 6)
    found = score_while_held(Scorer(), watched, images, wait_until)
    assert watched.rows == [1, 5]
    for image, scores in zip(images, found, strict=True):
        assert scores.probability == pytest.approx(detector.score(image).probability, abs=1e-6)
        assert len(scores.cam) == 1


def test_a_tensor_takes_no_more_than_may_be_scored_together(
    detector: Detector, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "together", 2)
    watched = Watched(detector)
    score_while_held(Scorer(), watched, draw(detector, 6), wait_until)
    assert watched.rows == [1, 2, 2, 1]


def test_a_tensor_waits_for_a_request_that_is_decoded_meanwhile(
    detector: Detector, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "together", TENSOR_ROWS)
    monkeypatch.setattr(scorer_module, "WAIT_SECONDS", 60)
    scorer, watched, images = Scorer(), cast(Any, Watched(detector)), draw(detector, 2)
    watched.released.set()
    decoding = threading.Event()
    decoding.set()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(scorer.score, watched, images[0], more=decoding.is_set)
        wait_until(lambda: bool(scorer._waiting), what="the first to wait")
        decoding.clear()
        second = pool.submit(scorer.score, watched, images[1])
        assert first.result()[0].probability == pytest.approx(detector.score(images[0]).probability, abs=1e-6)
        assert second.result()[0].probability == pytest.approx(detector.score(images[1]).probability, abs=1e-6)
    assert watched.rows == [2]


def test_a_tensor_does_not_wait_for_a_request_that_ended_without_views(
    detector: Detector, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "together", TENSOR_ROWS)
    monkeypatch.setattr(scorer_module, "WAIT_SECONDS", 60)
    scorer, [image], decoding = Scorer(), draw(detector, 1), threading.Event()
    decoding.set()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(scorer.score, detector, image, more=decoding.is_set)
        wait_until(lambda: bool(scorer._waiting), what="the first to wait")
        decoding.clear()
        scorer.left()
        assert first.result(30)


def test_a_tensor_waits_for_a_slow_decoding_though_not_for_ever(detector: Detector) -> None:
    scorer, [image] = Scorer(), draw(detector, 1)
    assert scorer.score(detector, image, more=lambda: True)


def test_an_error_of_the_detector_reaches_every_request_and_the_next_one_is_scored(
    detector: Detector, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "together", TENSOR_ROWS)
    scorer, watched = Scorer(), Watched(detector)
    wrong = [np.zeros((1, 3, 3, 3), np.uint8)] * 3
    errors = score_while_held(scorer, watched, wrong, wait_until)
    assert all(isinstance(error, Exception) for error in errors)
    [image] = draw(detector, 1)
    assert scorer.score(detector, image)[0].probability == detector.score(image).probability


def test_a_slow_detector_scores_each_request_alone(detector: Detector) -> None:
    class Slow:
        def score(self, pixels: NDArray[np.uint8]) -> Scores:
            sum(range(1_000_000))
            return detector.score(pixels)

    scorer = Scorer()
    [image] = draw(detector, 1)
    for _ in range(20):
        scorer.score(cast(Detector, Slow()), image)
    assert scorer.together == 1
    for _ in range(100):
        scorer.score(detector, image)
    assert scorer.together > 1
