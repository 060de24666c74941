"""Samples and small trainings for tests, by one process, or by two: `torchrun training.py <folder>`."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from model.training.config import Augmentation, TrainConfig, read_config
from model.training.data.samples import Samples
from model.training.distributed import Process, joined
from model.training.loop import learner
from model.training.loop.fit import Epoch, fit, predict_logits
from model.training.network.network import Network, build_network


def noise(count: int = 50, *, size: int = 16) -> Samples:
    """Images of noise, every other one AI."""
    pixels = np.random.default_rng(0).integers(0, 255, (count, size, size, 3), dtype=np.uint8)
    return Samples(pixels, (np.arange(count) % 2).astype(np.float32))


def bright_or_dark(count: int, seed: int) -> Samples:
    """Images of 32 pixels, every other one AI and brighter."""
    labels = (np.arange(count) % 2).astype(np.float32)
    grain = np.random.default_rng(seed).integers(0, 150, (count, 32, 32, 3), dtype=np.uint8)
    return Samples(grain + (labels * 100).astype(np.uint8)[:, None, None, None], labels)


def numbered(labels: list[int]) -> Samples:
    """Flat images whose brightness is their index."""
    levels = np.arange(len(labels), dtype=np.uint8)
    return Samples(np.broadcast_to(levels[:, None, None, None], (len(labels), 16, 16, 3)), np.float32(labels))


MIXED = Augmentation(mirror=0.5, shift=0.1, jpeg=0.5, mixup=0.5, paired=True)
"""Every augmentation that could go wrong when a batch is divided among processes."""
VAL = bright_or_dark(51, 1)


def configure(*, batch_norm: bool) -> TrainConfig:
    changes = {} if batch_norm else {"backbone": "test_convnext"}
    config = read_config("quick", {"epochs": 1, "batch_size": 32, "warmup_epochs": 0.5, "dropout": 0.0} | changes)
    return replace(config, ema_decay=0.9, clip_norm=1.0, prior_weight=0.5, augmentation=MIXED)


def begin(*, batch_norm: bool) -> Network:
    """Build the untrained network."""
    network = build_network(configure(batch_norm=batch_norm), size=32, pretrained_file="")
    if not batch_norm:
        network.head.norm = nn.Identity()  # type: ignore[assignment]  # the one that is left
    return network


def train(folder: Path, process: Process, *, batch_norm: bool) -> np.ndarray:
    """Train in float32, since bfloat16 is too coarse for comparisons; return the logits on VAL.

    Writes the reported validation loss into `val_loss.npy`.
    """

    def report(epoch: Epoch) -> None:
        np.save(folder / "val_loss.npy", epoch.val_loss)

    network, config = begin(batch_norm=batch_norm), configure(batch_norm=batch_norm)
    with patch.object(learner, "_has_fast_bfloat16", return_value=False):
        fit(network, bright_or_dark(96, 0), VAL, config, folder=folder, report=report, process=process)
    return predict_logits(network, VAL)


if __name__ == "__main__":
    with joined(os.environ) as process:
        torch.set_num_threads(1)
        for batch_norm in (False, True):
            folder = Path(sys.argv[1]) / ("with" if batch_norm else "without")
            folder.mkdir(exist_ok=True)
            logits = train(folder, process, batch_norm=batch_norm)
            if process.first:
                np.save(folder / "logits.npy", logits)
