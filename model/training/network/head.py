"""Turns pooled features into logits, and says how much each feature counts."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from model.training.network.classifier import Classifier


class Head(Classifier):
    """Pooled features [N, C] -> logits of AI [N]."""

    def normalise(self, samples: Tensor) -> Tensor:
        """Return the features [N, C] as they are: batch normalisation is a part of each head."""
        return samples

    @abstractmethod
    def gradient(self, pooled: Tensor) -> Tensor:
        """Return the gradient [N, C] of the logits by the pooled features, in evaluation mode."""


class HiddenHead(Head):
    """A hidden layer of `hidden` units with batch normalisation, ReLU and dropout, then one output."""

    def __init__(self, channels: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the logits [N]."""
        logits: Tensor = self.output(self.dropout(torch.relu(self.norm(self.hidden(pooled)))))
        return logits[:, 0]

    def gradient(self, pooled: Tensor) -> Tensor:
        """Return the gradient [N, C]: back through output, ReLU, normalisation and hidden layer."""
        active = (self.norm(self.hidden(pooled)) > 0).to(pooled.dtype)  # [N, hidden]
        gradient: Tensor = (active * self.output.weight[0] * _scale(self.norm)) @ self.hidden.weight
        return gradient


class LinearHead(Head):
    """Standardised features, dropout and one output: a linear probe."""

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(channels, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the logits [N]."""
        logits: Tensor = self.output(self.dropout(self.norm(pooled)))
        return logits[:, 0]

    def gradient(self, pooled: Tensor) -> Tensor:
        """Return the gradient [N, C], the same for all images."""
        gradient: Tensor = (self.output.weight * _scale(self.norm)).expand_as(pooled)
        return gradient


def make_head(channels: int, *, hidden: int, dropout: float) -> Head:
    """Make a head with `hidden` units in its hidden layer; 0: no hidden layer."""
    return HiddenHead(channels, hidden=hidden, dropout=dropout) if hidden else LinearHead(channels, dropout=dropout)


def _scale(norm: nn.BatchNorm1d) -> Tensor:
    """Return the factors [C] by which batch normalisation scales its input in evaluation mode."""
    assert norm.running_var is not None  # noqa: S101 - statistics are tracked by default
    scale = 1 / torch.sqrt(norm.running_var + norm.eps)
    return scale * norm.weight if norm.affine else scale
