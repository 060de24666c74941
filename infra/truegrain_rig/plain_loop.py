"""A plain training loop for comparison: torchvision's ImageFolder, a DataLoader, float32."""

import os
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn import functional
from torch.optim import AdamW
from torch.utils.data import DataLoader

from model.training.config import TrainConfig


def plain_batches(folder: Path, config: TrainConfig, *, size: int) -> DataLoader[Any]:
    """Read the images of `folder`/<class>/ with a worker a core; scale, mirror and shift them as the recipe says."""
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    steps = [
        transforms.Resize(size),
        transforms.RandomCrop(size, padding=round(size * config.augmentation.shift), padding_mode="reflect"),
        transforms.RandomHorizontalFlip(config.augmentation.mirror),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    images = ImageFolder(str(folder), transforms.Compose(steps))
    return DataLoader(
        images,
        config.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=os.cpu_count() or 1,
        persistent_workers=True,
        multiprocessing_context="fork",  # so that workers can import torchvision as this process can
    )


def plain_epoch(network: nn.Module, optimizer: AdamW, batches: DataLoader[Any]) -> int:
    """Train one epoch; return the number of images shown."""
    shown = 0
    network.train()
    for pixels, labels in batches:
        loss = functional.binary_cross_entropy_with_logits(network(pixels), labels.float())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        shown += len(labels)
    return shown
