"""Batches are drawn and augmented, and their images stay the same images."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.errors import TrainingError
from model.training.config import Augmentation, TrainConfig
from model.training.data.batches import evaluation_batches, made_ahead, plan_epoch, training_batches
from model.training.distributed import ALONE, Process
from support.training import noise, numbered

EVERYTHING = Augmentation(
    mirror=0.5, shift=0.125, crop=0.5, colour=0.5, resize=0.5, blur=0.5, noise=0.5, jpeg=0.5, webp=0.5, mixup=0.3,
    cutmix=0.3,
)  # fmt: skip

Batches = list[tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture
def plain(config: TrainConfig) -> TrainConfig:
    return replace(config, batch_size=16, augmentation=Augmentation(mirror=0.5))


def epoch(config: TrainConfig, number: int = 1, *, process: Process = ALONE) -> Batches:
    samples = noise()
    return list(training_batches(samples, config, plan_epoch(samples, config, number=number), process=process))


def test_an_epoch_is_whole_batches_of_pixels_with_their_labels(plain: TrainConfig) -> None:
    batches = epoch(plain)
    assert len(batches) == 3
    assert all(pixels.shape == (16, 16, 16, 3) and labels.shape == (16,) for pixels, labels in batches)


def test_every_image_keeps_its_label_in_whatever_order_it_comes(plain: TrainConfig) -> None:
    labels = np.random.default_rng(0).integers(0, 2, 64).tolist()
    samples = numbered(labels)
    shown = training_batches(samples, plain, plan_epoch(samples, plain, number=1))
    pairs = [(int(image[0, 0, 0]), int(label)) for batch in shown for image, label in zip(*batch, strict=True)]
    assert sorted(pairs) == list(enumerate(labels))
    assert pairs != sorted(pairs)


@pytest.mark.parametrize("paired", [False, True])
def test_the_same_seed_gives_the_same_epoch_and_another_number_another(plain: TrainConfig, paired: bool) -> None:
    config = replace(plain, augmentation=replace(EVERYTHING, paired=paired))
    assert all(torch.equal(one[0], two[0]) for one, two in zip(epoch(config), epoch(config), strict=True))
    assert not torch.equal(epoch(config)[0][0], epoch(config, 2)[0][0])


@pytest.mark.parametrize("paired", [False, True])
def test_however_many_processes_share_a_step_it_shows_the_same(plain: TrainConfig, paired: bool) -> None:
    config = replace(plain, augmentation=replace(EVERYTHING, paired=paired))
    shares = [epoch(config, process=Process(rank=rank, world=2)) for rank in (0, 1)]
    for alone, *parts in zip(epoch(config), *shares, strict=True):
        whole = sorted(
            (image.tobytes(), float(label)) for image, label in zip(*(t.numpy() for t in alone), strict=True)
        )
        together = sorted(
            (image.tobytes(), float(label))
            for part in parts
            for image, label in zip(*(t.numpy() for t in part), strict=True)
        )
        assert whole == together


def test_augmentation_does_not_write_into_the_samples(plain: TrainConfig) -> None:
    original = noise()
    untouched = original.pixels.copy()
    config = replace(plain, augmentation=EVERYTHING)
    list(training_batches(original, config, plan_epoch(original, config, number=1)))
    assert (original.pixels == untouched).all()


def test_without_shift_an_image_is_itself_or_its_mirror_image(plain: TrainConfig) -> None:
    known = noise()
    either = {image.tobytes() for image in known.pixels} | {image[:, ::-1].tobytes() for image in known.pixels}
    assert all(image.numpy().tobytes() in either for pixels, _ in epoch(plain) for image in pixels)


def test_too_few_images_for_a_batch_are_counted(plain: TrainConfig) -> None:
    with pytest.raises(TrainingError, match="10 training images do not fill one batch of 16"):
        plan_epoch(noise(10), plain, number=1)


def test_evaluation_leaves_nothing_out_and_changes_nothing() -> None:
    joined = torch.cat(list(evaluation_batches(noise(), batch_size=16))).numpy()
    assert (joined == noise().pixels).all()


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_results_come_in_order_and_none_is_missing(count: int) -> None:
    assert list(made_ahead(lambda number: number**2, count, threads=2)) == [number**2 for number in range(count)]


def test_the_next_is_made_while_the_last_is_used() -> None:
    begun = threading.Semaphore(0)

    def make(number: int) -> int:
        begun.release()
        return number

    made = made_ahead(make, 10, threads=1)
    assert next(made) == 0
    assert all(begun.acquire(timeout=10) for _ in range(3))
    made.close()


def test_what_goes_wrong_is_raised_where_it_is_waited_for() -> None:
    made = made_ahead(lambda number: 1 // (2 - number), 5, threads=2)
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_nobody_works_on_for_one_who_has_left() -> None:
    made = made_ahead(lambda number: number, 100, threads=2)
    next(made)
    made.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
