"""Samples that training tests make themselves."""

import numpy as np

from model.training.data.samples import Samples


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
