"""Yields batches for a network: drawn and augmented for training, plain and in order for evaluation."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor

from model.errors import TrainingError
from model.training.config import Augmentation, TrainConfig
from model.training.data.augment import Labels, Pixels, augment
from model.training.data.draws import Luck, draw_luck
from model.training.data.samples import Samples
from model.training.data.sampling import Order, draw_order
from model.training.distributed import ALONE, Process

_NONE: Final = Augmentation()

Made = TypeVar("Made")


@dataclass(frozen=True)
class EpochPlan:
    """The plan of an epoch: its images in `order`, the `luck` of each image, and the number of `images` a step.

    The last images are left out if they do not fill a step.
    """

    order: Order
    luck: Luck
    images: int

    @property
    def steps(self) -> int:
        """The number of steps of the epoch."""
        return len(self.order) // self.images

    def of_step(self, step: int, process: Process) -> slice:
        """Return the slice of `order` and `luck` that one process shows in a step."""
        share = self.images // process.world
        start = step * self.images + process.rank * share
        return slice(start, start + share)


def plan_epoch(samples: Samples, config: TrainConfig, *, number: int) -> EpochPlan:
    """Draw the plan of epoch `number`. It depends only on samples, config and number, so all processes draw the same.

    Raises TrainingError if there are too few images for a step.
    """
    random = np.random.default_rng([config.seed, number])
    order = draw_order(samples.groups, balanced=config.balanced, random=random)
    images = config.batch_size // (2 if config.augmentation.paired else 1)
    if len(order) < images:
        raise TrainingError(
            f"{len(order)} training images do not fill one batch of {images}: add images or lower batch_size"
        )
    return EpochPlan(order, draw_luck(len(order), random), images)


def training_batches(
    samples: Samples, config: TrainConfig, epoch: EpochPlan, *, process: Process = ALONE
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield this process's share of each step: pixels [B, S, S, 3] uint8 and labels [B] in [0, 1].

    The labels of mixed images are between 0 and 1. The images of a step do not depend on the number of processes.
    Threads prepare the next batches during a step.
    """

    def make(step: int) -> tuple[Tensor, Tensor]:
        own = epoch.of_step(step, process)
        pixels, labels = _read(samples, epoch.order[own])
        if config.augmentation != _NONE:
            pixels, labels = augment(pixels, labels, epoch.luck[own], config.augmentation)
        tensors = torch.from_numpy(pixels), torch.from_numpy(labels)
        return (tensors[0].pin_memory(), tensors[1].pin_memory()) if process.device.type == "cuda" else tensors

    return made_ahead(make, epoch.steps, threads=process.helpers)


def made_ahead(make: Callable[[int], Made], count: int, *, threads: int) -> Iterator[Made]:
    """Yield make(0) … make(count - 1) in order, computed by `threads` threads, up to `threads` + 1 results in advance.

    Use it for work that releases Python's global interpreter lock, as Pillow's codecs and NumPy do. An error in `make`
    is raised here. Closing the iterator ends the threads.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        waiting = deque(pool.submit(make, number) for number in range(min(threads + 1, count)))
        try:
            for following in range(len(waiting), len(waiting) + count):
                made = waiting.popleft().result()
                if following < count:
                    waiting.append(pool.submit(make, following))
                yield made
        finally:
            for future in waiting:
                future.cancel()


def evaluation_batches(samples: Samples, *, batch_size: int) -> Iterator[Tensor]:
    """Yield all pixels [B, S, S, 3] uint8 in order."""
    for start in range(0, len(samples.labels), batch_size):
        yield torch.from_numpy(np.array(samples.pixels[start : start + batch_size]))


def _read(samples: Samples, picked: Order) -> tuple[Pixels, Labels]:
    """Copy images from the memory map, reading in ascending order for speed; return them in the order of `picked`."""
    ascending = np.argsort(picked)
    pixels = np.empty((len(picked), *samples.pixels.shape[1:]), samples.pixels.dtype)
    pixels[ascending] = samples.pixels[picked[ascending]]
    return pixels, samples.labels[picked]
