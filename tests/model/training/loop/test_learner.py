"""The training loss, compared with values computed by hand."""

from dataclasses import replace

import pytest
import torch

from model.training.config import TrainConfig
from model.training.loop.learner import cross_entropy, training_loss

LOGITS = torch.tensor([0.0, 2.0, -1.0, 3.0])
LABELS = torch.tensor([0.0, 1.0, 0.0, 1.0])


def test_smoothing_draws_labels_to_one_half() -> None:
    soft = torch.tensor([0.1, 0.9, 0.1, 0.9])
    torch.testing.assert_close(cross_entropy(LOGITS, LABELS, smoothing=0.2), cross_entropy(LOGITS, soft))


def test_the_prior_pulls_the_mean_probability_only_when_it_has_a_weight(config: TrainConfig) -> None:
    plain = cross_entropy(LOGITS, LABELS)
    assert training_loss(LOGITS, LABELS, replace(config, prior=0.1)) == plain
    pulled = training_loss(LOGITS, LABELS, replace(config, prior_weight=2.0, prior=0.5))
    distance = float(torch.sigmoid(LOGITS).mean()) - 0.5
    assert float(pulled - plain) == pytest.approx(2 * distance**2, rel=1e-4)
