"""The trainable network: a timm backbone, global average pooling and a small head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.training.config import TrainConfig
from model.training.network.backbone import create_backbone, expected_pixels
from model.training.network.classifier import Classifier
from model.training.network.feature_map import map_shape, prefix_tokens, to_map
from model.training.network.head import Head, make_head


class Network(Classifier):
    """Normalised pixels [N, 3, S, S] -> logits of AI [N].

    In evaluation mode a `mirrored` network averages the features of each image and of its mirror image. `mean` and
    `deviation` are those of the pixels of a channel, 0 to 1, that the backbone expects.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, backbone: nn.Module, head: Head, *, mean: Sequence[float], deviation: Sequence[float], mirrored: bool
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.mirrored = mirrored
        self.register_buffer("mean", 255 * torch.tensor(mean), persistent=False)
        self.register_buffer("deviation", 255 * torch.tensor(deviation), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits [N]."""
        logits: Tensor = self.head(self.pool(pixels))
        return logits

    def normalise(self, samples: Tensor) -> Tensor:
        """Turn pixels [N, S, S, 3] uint8 into the input [N, 3, S, S] float32."""
        return ((samples.float() - self.mean) / self.deviation).permute(0, 3, 1, 2)

    def pool(self, pixels: Tensor) -> Tensor:
        """Return the pooled features [N, C]."""
        return self.features(pixels).mean((2, 3))

    def features(self, pixels: Tensor) -> Tensor:
        """Return the last feature map [N, C, h, w]; if mirrored, the mean over the image and its mirror image."""
        features = self._look(pixels)
        if self.mirrored and not self.training:
            return (features + self._look(pixels.flip(3)).flip(3)) / 2
        return features

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
    head = make_head(channels, hidden=config.hidden, dropout=config.dropout)
    mean, deviation = expected_pixels(backbone)
    return Network(backbone, head, mean=mean, deviation=deviation, mirrored=config.mirrored).train()
