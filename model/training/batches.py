"""Batches for the network: shuffled, augmented for training, normalised."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from model.training.pixels import Samples

# Mean and standard deviation of ImageNet's pixels, 0-255: what timm's pretrained backbones expect.
_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


def normalise(pixels: Tensor) -> Tensor:
    """Turn pixels [N, S, S, 3] uint8 into the network's input [N, 3, S, S] float32."""
    mean = torch.tensor(_MEAN, device=pixels.device)
    std = torch.tensor(_STD, device=pixels.device)
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)


def training_batches(
    samples: Samples, *, batch_size: int, max_shift: float, generator: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of (pixels [B, S, S, 3] uint8, labels [B]), shuffled, mirrored and shifted at random.

    The last batch is left out when it is short.
    """
    order = generator.permutation(len(samples.labels))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        picked = np.sort(order[start : start + batch_size])  # sorted: the memory map is read in its own order
        pixels = _shift(_mirror(samples.pixels[picked], generator), max_shift, generator)
        yield torch.from_numpy(pixels), torch.from_numpy(samples.labels[picked])


def evaluation_batches(samples: Samples, *, batch_size: int) -> Iterator[Tensor]:
    """Yield all pixels [B, S, S, 3] uint8 in order."""
    for start in range(0, len(samples.labels), batch_size):
        yield torch.from_numpy(np.array(samples.pixels[start : start + batch_size]))


def _mirror(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    chosen = generator.random(len(pixels)) < 0.5
    pixels[chosen] = pixels[chosen, :, ::-1]
    return pixels


def _shift(pixels: np.ndarray, max_shift: float, generator: np.random.Generator) -> np.ndarray:
    """Shift the whole batch by one random offset; the uncovered border shows the mirrored image."""
    size = pixels.shape[1]
    margin = round(size * max_shift)
    top, left = generator.integers(0, 2 * margin + 1, size=2)
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    return np.ascontiguousarray(padded[:, top : top + size, left : left + size])
