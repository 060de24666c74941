"""Keeps the resolution of small images in a backbone that was made for photographs."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from model.training.network.feature_map import map_shape


def keep_resolution(backbone: nn.Module, *, size: int, smallest_map: int) -> None:
    """Let layers of `backbone` stride less, the first ones first, until the side of its map is at least `smallest_map`.

    Layers that reduce the same resolution, such as those side by side in a residual block, are treated alike. A
    convolution halves its stride, and a layer without weights (pooling) is left out. No weight changes its name, shape
    or value. Reductions that no strided layer makes stay as they are.
    """
    while map_shape(backbone, size=size)[1] < smallest_map:
        level = _first_reduction(backbone, size)
        if not level:
            return
        for name, layer in level.items():
            backbone.set_submodule(name, _halved(layer) if isinstance(layer, nn.Conv2d) else nn.Identity())


def _first_reduction(backbone: nn.Module, size: int) -> dict[str, nn.Module]:
    """Return the strided layers by name whose input is the largest among the inputs of all strided layers."""
    seen: dict[str, int] = {}
    layers = {name: layer for name, layer in backbone.named_modules() if _reduces(layer)}
    hooks = [layer.register_forward_pre_hook(partial(_note_side, seen, name)) for name, layer in layers.items()]
    map_shape(backbone, size=size)
    for hook in hooks:
        hook.remove()
    return {name: layers[name] for name, side in seen.items() if side == max(seen.values())}


def _note_side(seen: dict[str, int], name: str, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    seen[name] = inputs[0].shape[-1]


def _reduces(layer: nn.Module) -> bool:
    """Tell whether a layer is a strided convolution, or a strided one without weights; blocks of layers are neither."""
    plain = not list(layer.children()) and not list(layer.parameters())
    return (plain or isinstance(layer, nn.Conv2d)) and _stride(layer) > 1


def _stride(layer: nn.Module) -> int:
    """Return the stride of a layer, 1 for one that has none."""
    stride: Any = getattr(layer, "stride", 1)
    if isinstance(stride, tuple):
        stride = stride[-1]
    return stride if isinstance(stride, int) else 1


def _halved(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return the convolution with half its stride and the padding that doubles the side of its output."""
    from timm.layers.conv2d_same import Conv2dSame

    stride, kernel = _stride(convolution) // 2, convolution.kernel_size[0]
    if stride > 1 or kernel % 2:
        convolution.stride = (stride, stride)
        convolution.padding = ((kernel - stride + 1) // 2,) * 2
        return convolution
    # An even kernel without a stride needs one more row of padding on one side than on the other.
    padded: nn.Conv2d = Conv2dSame(
        convolution.in_channels,
        convolution.out_channels,
        kernel,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    padded.load_state_dict(convolution.state_dict())
    return padded
