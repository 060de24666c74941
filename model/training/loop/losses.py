"""What training minimises."""

import torch
from torch import Tensor
from torch.nn import functional

from model.training.config import TrainConfig
from model.training.distributed import mean_over_all


def cross_entropy(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean binary cross-entropy in nats; `smoothing` draws labels [N] in [0, 1] toward one half."""
    return functional.binary_cross_entropy_with_logits(logits, labels * (1 - smoothing) + smoothing / 2)


def training_loss(logits: Tensor, labels: Tensor, config: TrainConfig) -> Tensor:
    """Return the cross-entropy plus, where the recipe weighs it, (mean probability - prior)^2.

    The second term keeps a detector from calling everything one class on images unlike those it was trained on. The
    mean is that of the whole batch, over all processes.
    """
    loss = cross_entropy(logits, labels, smoothing=config.label_smoothing)
    if not config.prior_weight:
        return loss
    mean = mean_over_all(torch.sigmoid(logits).mean())
    return loss + config.prior_weight * (mean - config.prior).square()
