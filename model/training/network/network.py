"""The trainable network: a timm backbone, global average pooling and a small head."""

import torch
from torch import Tensor, nn

from model.training.config import TrainConfig
from model.training.network.backbone import create_backbone
from model.training.network.feature_map import map_shape, prefix_tokens, to_map

_HIDDEN = 512


class Network(nn.Module):
    """Normalised pixels [N, 3, S, S] -> logits of AI [N].

    In evaluation mode a `mirrored` network averages the features of each image and of its mirror image.
    """

    def __init__(self, backbone: nn.Module, *, channels: int, dropout: float, mirrored: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.mirrored = mirrored
        self.hidden = nn.Linear(channels, _HIDDEN)
        self.norm = nn.BatchNorm1d(_HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(_HIDDEN, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits [N]."""
        return self.classify(self.pool(pixels))

    def pool(self, pixels: Tensor) -> Tensor:
        """Return the pooled features [N, C]."""
        return self.features(pixels).mean((2, 3))

    def features(self, pixels: Tensor) -> Tensor:
        """Return the last feature map [N, C, h, w]; if mirrored, the mean over the image and its mirror image."""
        features = self._look(pixels)
        if self.mirrored and not self.training:
            return (features + self._look(pixels.flip(3)).flip(3)) / 2
        return features

    def classify(self, pooled: Tensor) -> Tensor:
        """Turn pooled features [N, C] into logits [N]."""
        logits: Tensor = self.output(self.dropout(torch.relu(self.norm(self.hidden(pooled)))))
        return logits[:, 0]

    def _look(self, pixels: Tensor) -> Tensor:
        return to_map(self.backbone(pixels), prefix_tokens=prefix_tokens(self.backbone))


def build_network(config: TrainConfig, *, size: int, pretrained_file: str) -> Network:
    """Build the network of `config` for inputs of `size` pixels; the same seed gives the same network.

    Raises TrainingError for a backbone that is unknown, gives no feature map or takes no images of this size. Raises
    TrainingError, too, if required pretrained weights are missing.
    """
    torch.manual_seed(config.seed)
    backbone = create_backbone(config, size=size, pretrained_file=pretrained_file)
    channels, _ = map_shape(backbone, size=size)
    return Network(backbone, channels=channels, dropout=config.dropout, mirrored=config.mirrored).train()
