"""The features that any backbone gives, as a map of channels, rows and columns."""

from math import isqrt

import torch
from torch import Tensor, nn

from model.errors import TrainingError


def to_map(output: Tensor, *, prefix_tokens: int = 0) -> Tensor:
    """Return a backbone's output for square images as a map [N, C, side, side].

    The output may have its channels first or last, or be tokens [N, L, C] in the order of the rows of the map. Before
    them may be `prefix_tokens` that stand for no place (class and register tokens). Raises TrainingError for anything
    else.
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
        f"the backbone's output of shape {list(output.shape[1:])} an image is no square map; choose one whose features "
        "are [C, h, w], [h, w, C] or tokens [L, C]"
    )


def prefix_tokens(backbone: nn.Module) -> int:
    """Return how many of a backbone's tokens stand for no place."""
    return int(getattr(backbone, "num_prefix_tokens", 0))


def map_shape(backbone: nn.Module, *, size: int) -> tuple[int, int]:
    """Return the channels and the side of the feature map for images of `size` pixels; leaves evaluation mode on.

    Raises TrainingError when there is no map.
    """
    with torch.no_grad():
        features = to_map(backbone.eval()(torch.zeros(1, 3, size, size)), prefix_tokens=prefix_tokens(backbone))
    return features.shape[1], features.shape[2]
