"""A small training that one process does alone and two do together: `torchrun together.py <folder>`."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from model.training.config import Augmentation, TrainConfig, read_config
from model.training.distributed import Process, joined
from model.training.loop import learner
from model.training.loop.fit import fit, predict_logits
from model.training.network.network import Network, build_network
from support.training_samples import bright_or_dark

MIXED = Augmentation(mirror=0.5, shift=0.1, jpeg=0.5, mixup=0.5, paired=True)
"""Everything that could go wrong when a batch is shared out."""


def configure() -> TrainConfig:
    config = read_config("quick", {"epochs": 1, "batch_size": 32, "warmup_epochs": 0.5, "dropout": 0.0})
    return replace(config, ema_decay=0.9, clip_norm=1.0, prior_weight=0.5, augmentation=MIXED)


def train(folder: Path, place: Process) -> np.ndarray:
    """Train in float32, for bfloat16 is too coarse to compare by, and return the logits on 50 images."""
    network, val = begin(), bright_or_dark(51, 1)
    with patch.object(learner, "_has_fast_bfloat16", return_value=False):
        fit(network, bright_or_dark(96, 0), val, configure(), folder=folder, report=lambda _: None, place=place)
    return predict_logits(network, val)


def begin() -> Network:
    """Build the network as it is before training."""
    return build_network(configure(), size=32, pretrained_file="")


if __name__ == "__main__":
    with joined(os.environ) as place:
        torch.set_num_threads(1)
        logits = train(Path(sys.argv[1]), place)
        if place.first:
            np.save(Path(sys.argv[1]) / "logits.npy", logits)
