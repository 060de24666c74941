"""Measures training throughput, relative to its steps alone and to a plain PyTorch loop."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.optim import AdamW

from model.images.decoding import decode
from model.images.preprocess import Preprocess
from model.labels import CLASSES
from model.sources.synthetic import Order, draw_images
from model.training.config import TrainConfig, read_config
from model.training.data.batches import plan_epoch, training_batches
from model.training.data.samples import Samples
from model.training.distributed import joined
from model.training.loop.learner import Learner
from model.training.network.network import build_network
from truegrain_bench.results.results import Figure
from truegrain_rig.plain_loop import plain_batches, plain_epoch
from truegrain_rig.process import pool

COMMAND = "make bench-full"
RECIPE = "quick"
ORDER = Order(images=1536)
SIDE = 512
"""Pixels of a side of the images, as generators make them; the recipe reduces them to 64. Content does not matter."""
ROUNDS = 3
"""Timed rounds, after one round that is not timed; the median counts."""


def training_rates() -> Iterator[Figure]:
    """Train the quick recipe in three ways, in a separate process, since torch leaves threads behind."""
    with pool(1) as process:
        ours, raw, plain = process.submit(measure).result()
    yield Figure("train.images_per_second", round(ours), "images/s", COMMAND)
    yield Figure("train.step_ratio", round(ours / raw, 3), "x", COMMAND)
    yield Figure("train.vs_imagefolder", round(ours / plain, 2), "x", COMMAND)


def measure() -> tuple[float, float, float]:
    """Return the images a second of our training, of its steps on data in memory, and of the plain loop."""
    config = read_config(RECIPE)
    with tempfile.TemporaryDirectory(prefix="truegrain-bench-") as folder, joined({}):
        samples = write_images(Path(folder), config)
        ways = (our_epoch(samples, config), raw_epoch(samples, config), plain_way(Path(folder), samples, config))
        rounds = [[_rate(way, number) for way in ways] for number in range(ROUNDS + 1)][1:]
    ours, raw, plain = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    return ours, raw, plain


def write_images(folder: Path, config: TrainConfig) -> Samples:
    """Write the images to `folder`/<class>/ and return their samples as the cache of pixels would hold them."""
    prepare, pixels, labels = Preprocess(config.size), [], []
    for number, image in enumerate(draw_images(ORDER)):
        path = folder / image.label / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        decode(image.data).rgb.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)
        pixels.append(prepare.read(path.read_bytes()))
        labels.append(CLASSES.index(image.label))
    return Samples(np.stack(pixels), np.array(labels, dtype=np.float32))


def our_epoch(samples: Samples, config: TrainConfig) -> Callable[[int], int]:
    """Return a function that trains an epoch by its number as `model.training` does, and returns its images."""
    learner = _learner(samples, config)

    def run(number: int) -> int:
        epoch = plan_epoch(samples, config, number=number)
        for step, (pixels, labels) in enumerate(training_batches(samples, config, epoch)):
            learner.step(pixels, labels, number=step, rate=config.learning_rate)
        return epoch.steps * config.batch_size

    return run


def raw_epoch(samples: Samples, config: TrainConfig) -> Callable[[int], int]:
    """Return a function that takes the steps of an epoch on one batch in memory, and returns its images."""
    learner = _learner(samples, config)
    pixels, labels = (torch.from_numpy(array[: config.batch_size].copy()) for array in (samples.pixels, samples.labels))
    steps = plan_epoch(samples, config, number=0).steps

    def run(_: int) -> int:
        for step in range(steps):
            learner.step(pixels, labels, number=step, rate=config.learning_rate)
        return steps * config.batch_size

    return run


def plain_way(folder: Path, samples: Samples, config: TrainConfig) -> Callable[[int], int]:
    """Return a function that trains an epoch with the plain loop on the images in `folder`, and returns its images."""
    size = samples.pixels.shape[1]
    network = build_network(config, size=size, pretrained_file="")
    optimizer = AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    batches = plain_batches(folder, config, size=size)
    return lambda _: plain_epoch(network, optimizer, batches)


def _learner(samples: Samples, config: TrainConfig) -> Learner:
    learner = Learner(build_network(config, size=samples.pixels.shape[1], pretrained_file=""), config)
    learner.start()
    learner.network.train()
    return learner


def _rate(way: Callable[[int], int], number: int) -> float:
    begin = time.perf_counter()
    return way(number) / (time.perf_counter() - begin)
