"""Turns the output of any backbone into a feature map [N, C, side, side]."""

from math import isqrt

import torch
from torch import Tensor, nn

from model.errors import TrainingError


def to_map(output: Tensor, *, prefix_tokens: int = 0) -> Tensor:
    """Return a backbone's output for square images as a map [N, C, side, side].

    The output may be [N, C, side, side], [N, side, side, C], or tokens [N, L, C] row by row. The first `prefix_tokens`
    tokens stand for no place (class and register tokens) and are dropped. Raises TrainingError for other shapes.
    """
    if output.ndim == 4 and output.shape[2] == output.shape[3]:
        return output
    if output.ndim == 4 and output.shape[1] == output.shape[2]:
        return output.permute(0, 3, 1, 2)
    if output.ndim == 3:
        side = isqrt(places := output.shape[1] - prefix_tokens)
        if side * side == places > 0:
            return output[:, prefix_tokens:].transpose(1, 2).reshape(-1, output.shape[2], side, side)
    raise TrainingError(
        f"the backbone's output of shape {list(output.shape[1:])} an image is not a square map; choose a "
        "backbone whose features are [C, h, w], [h, w, C] or tokens [L, C]"
    )


def prefix_tokens(backbone: nn.Module) -> int:
    """Return the number of a backbone's tokens that stand for no place (class and register tokens)."""
    return int(getattr(backbone, "num_prefix_tokens", 0))


def map_shape(backbone: nn.Module, *, size: int) -> tuple[int, int]:
    """Return the channels and the side of the feature map for images of `size` pixels; leaves evaluation mode on.

    Raises TrainingError if the backbone gives no map.
    """
    with torch.no_grad():
        features = to_map(backbone.eval()(torch.zeros(1, 3, size, size)), prefix_tokens=prefix_tokens(backbone))
    return features.shape[1], features.shape[2]
