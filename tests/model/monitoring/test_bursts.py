"""Images that arrive together and resemble each other are thinned to what they tell."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.detectors.traffic_sample import Sample
from model.monitoring.bursts import repetition, thin_bursts
from support.monitoring import jpegs

AXES = 16


def draw(images: int, *, burst: int, alike: float, seed: int = 0) -> NDArray[np.float32]:
    """Draw embeddings whose correlation within a burst is `alike`."""
    random = np.random.default_rng(seed)
    scenes = np.repeat(random.normal(size=(-(-images // burst), AXES)), burst, axis=0)[:images]
    own = random.normal(size=(images, AXES))
    return (np.sqrt(alike) * scenes + np.sqrt(1 - alike) * own).astype(np.float32)


def as_sample(embedding: NDArray[np.float32] | None, images: int = 1000) -> Sample:
    random = np.random.default_rng(1)
    sample = jpegs(random.random(images), np.zeros((images, AXES), np.float32), random)
    return Sample(**{**vars(sample), "embedding": embedding})


@pytest.mark.parametrize("images", [100, 300, 1000])
def test_images_that_are_not_alike_all_count(images: int) -> None:
    assert repetition(draw(images, burst=1, alike=0.0)) < 1.5
    assert len(thin_bursts(as_sample(draw(images, burst=1, alike=0.0), images))) == images


@pytest.mark.parametrize(("burst", "alike"), [(10, 0.9), (10, 0.5), (30, 0.6)])
def test_a_burst_counts_as_what_it_tells(burst: int, alike: float) -> None:
    independent = 1 + (burst - 1) * alike
    assert repetition(draw(1000, burst=burst, alike=alike)) == pytest.approx(independent, rel=0.4)


@pytest.mark.parametrize(("share", "stay"), [(0.5, 500), (1.0, 300)])
def test_a_new_kind_of_image_that_begins_within_the_window_is_no_burst(share: float, stay: int) -> None:
    embedding = draw(1000, burst=1, alike=0.0)
    new = np.flatnonzero(np.random.default_rng(2).random(1000) < share)
    embedding[new[new >= 500], 0] += 4
    assert len(thin_bursts(as_sample(embedding))) >= stay


def test_one_image_of_so_many_in_a_row_stays_and_the_draw_repeats() -> None:
    bursts = as_sample(draw(1000, burst=10, alike=0.9))
    kept = thin_bursts(bursts)
    assert 80 <= len(kept) <= 130
    assert kept.tolist() == sorted(set(kept.tolist())) == thin_bursts(bursts).tolist()
    assert len(set(np.diff(kept))) > 1, "a fixed step could meet the same sender each time"


def repeat_slowly(embedding: NDArray[np.float32]) -> float:
    """Return the repetition by its definition, one distance in time after the other."""
    longest = min(50, len(embedding) // 20)
    variogram = []
    for lag in range(1, 2 * longest + 1):
        squares = sorted(
            float(np.sum((one - other) ** 2)) for one, other in zip(embedding, embedding[lag:], strict=False)
        )
        variogram.append(np.mean(squares[: len(squares) * 3 // 4]))
    far = np.mean(variogram[longest:])
    return max(1.0, 1 + 2 * sum(1 - near / far for near in variogram[:longest]))


@pytest.mark.parametrize(("images", "burst"), [(100, 3), (130, 5), (1200, 30)])
def test_the_repetition_is_that_of_its_definition(images: int, burst: int) -> None:
    embedding = draw(images, burst=burst, alike=0.7)
    assert repetition(embedding) == pytest.approx(repeat_slowly(embedding), rel=1e-5)


@pytest.mark.parametrize("images", [100, 995])
def test_of_every_so_many_images_in_a_row_one_is_drawn(images: int) -> None:
    bursts = as_sample(draw(images, burst=10, alike=0.9), images)
    assert bursts.embedding is not None
    step = int(repetition(bursts.embedding))
    kept = thin_bursts(bursts)
    assert step > 2
    assert set(kept // step) >= set(range(images // step)), "each row has one"
    assert len(set(kept // step)) == len(kept), "and no row has two"
    assert kept.max() < images
    assert set(kept % step) <= set(range(step)) and len(set(kept % step)) > 1


def test_without_embeddings_or_with_few_images_all_stay() -> None:
    assert len(thin_bursts(as_sample(None))) == 1000
    bursts = draw(100, burst=3, alike=1.0)
    assert len(thin_bursts(as_sample(bursts, 100))) < 100
    assert repetition(bursts[:99]) > 2
    assert len(thin_bursts(as_sample(bursts[:99], 99))) == 99
    assert repetition(np.zeros((500, AXES), np.float32)) == 1
