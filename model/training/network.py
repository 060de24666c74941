"""The trainable network: a timm backbone, global average pooling and a small head; and how it is exported."""

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from model.errors import TrainingError
from model.training.config import TrainConfig
from model.training.operators import make_torchvision_importable

_HIDDEN = 512
_SMALL = 64


class Network(nn.Module):
    """Normalised pixels [N, 3, S, S] -> logits of AI [N]."""

    def __init__(self, backbone: nn.Module, *, features: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.hidden = nn.Linear(features, _HIDDEN)
        self.norm = nn.BatchNorm1d(_HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(_HIDDEN, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits [N]."""
        features: Tensor = self.backbone(pixels)  # [N, C, h, w]
        return self.classify(features.mean((2, 3)))

    def classify(self, pooled: Tensor) -> Tensor:
        """Turn pooled features [N, C] into logits [N]."""
        logits: Tensor = self.output(self.dropout(torch.relu(self.norm(self.hidden(pooled)))))
        return logits[:, 0]


def build_network(config: TrainConfig, *, size: int, pretrained_file: str) -> Network:
    """Build the network of `config` for inputs of `size` pixels, the same one for the same seed.

    Raises TrainingError for an unknown backbone, and when pretrained weights are asked for and cannot be had.
    """
    make_torchvision_importable()
    import timm

    if not timm.is_model(config.backbone):
        near = ", ".join(timm.list_models(f"*{config.backbone[:6]}*")[:5]) or "see timm.list_models()"
        raise TrainingError(f"'{config.backbone}' is no timm model; did you mean one of: {near}?")
    if pretrained_file and not pretrained_file.endswith(".safetensors"):
        raise TrainingError(
            f"TRUEGRAIN_PRETRAINED={pretrained_file!r} is no safetensors file; other kinds can run code"
        )
    torch.manual_seed(config.seed)
    try:
        backbone = timm.create_model(
            config.backbone,
            pretrained=config.pretrained != "never",
            pretrained_cfg_overlay={"file": pretrained_file} if pretrained_file else None,
            num_classes=0,
            global_pool="",
            **({"channels": config.widths} if config.widths else {}),
        )
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"pretrained weights for '{config.backbone}' cannot be had from {pretrained_file or 'the hub'}: {error}. "
            "Set TRUEGRAIN_PRETRAINED to a safetensors file, or train from scratch with pretrained=never"
        ) from error
    if size < _SMALL and isinstance(getattr(backbone, "maxpool", None), nn.Module):
        backbone.maxpool = nn.Identity()  # it would leave a 32-pixel image 8 x 8 before the first block
    features: int = backbone.num_features  # type: ignore[assignment]  # every timm model has it
    return Network(backbone, features=features, dropout=config.dropout)
