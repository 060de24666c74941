"""Batches are shuffled and augmented, and remain the same images."""

import numpy as np
import torch

from model.training.batches import evaluation_batches, normalise, training_batches
from model.training.pixels import Samples


def samples(count: int = 50) -> Samples:
    pixels = np.random.default_rng(0).integers(0, 255, (count, 16, 16, 3), dtype=np.uint8)
    return Samples(pixels, (np.arange(count) % 2).astype(np.float32))


def epoch(number: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = np.random.default_rng(number)
    return list(training_batches(samples(), batch_size=16, max_shift=0.125, generator=generator))


def test_an_epoch_is_whole_batches_of_pixels_with_their_labels() -> None:
    batches = epoch(1)
    assert len(batches) == 3
    assert all(pixels.shape == (16, 16, 16, 3) and labels.shape == (16,) for pixels, labels in batches)


def test_the_same_seed_gives_the_same_epoch_and_another_seed_another() -> None:
    assert all(torch.equal(one[0], two[0]) for one, two in zip(epoch(1), epoch(1), strict=True))
    assert not torch.equal(epoch(1)[0][0], epoch(2)[0][0])


def test_augmentation_does_not_write_into_the_samples() -> None:
    original = samples()
    untouched = original.pixels.copy()
    list(training_batches(original, batch_size=16, max_shift=0.25, generator=np.random.default_rng(0)))
    assert (original.pixels == untouched).all()


def test_without_shift_an_image_is_itself_or_its_mirror_image() -> None:
    known = samples()
    batches = training_batches(known, batch_size=16, max_shift=0.0, generator=np.random.default_rng(0))
    either = {image.tobytes() for image in known.pixels} | {image[:, ::-1].tobytes() for image in known.pixels}
    assert all(image.numpy().tobytes() in either for pixels, _ in batches for image in pixels)


def test_evaluation_leaves_nothing_out_and_changes_nothing() -> None:
    joined = torch.cat(list(evaluation_batches(samples(), batch_size=16))).numpy()
    assert (joined == samples().pixels).all()


def test_normalised_pixels_are_channels_first_around_zero() -> None:
    normalised = normalise(torch.from_numpy(samples().pixels))
    assert normalised.shape == (50, 3, 16, 16)
    assert abs(float(normalised.mean())) < 0.5
    assert 0.8 < float(normalised.std()) < 1.6
