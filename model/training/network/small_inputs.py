"""Reduces the strides of a backbone, so that small images keep their resolution."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from model.training.network.feature_map import map_shape


def keep_resolution(backbone: nn.Module, *, size: int, smallest_map: int) -> None:
    """Reduce strides in `backbone`, first layers first, until the side of its map is at least `smallest_map`.

    1. Strided layers with the same input resolution, such as those of a residual block, are changed together.
    2. The stride of a convolution is halved. A strided layer without weights (pooling) becomes an identity.
    3. No weight changes its name, shape or value.
    4. Reductions without a strided layer stay as they are, and then the map may stay smaller.
    """
    while map_shape(backbone, size=size)[1] < smallest_map:
        level = _first_reduction(backbone, size)
        if not level:
            return
        for name, layer in level.items():
            backbone.set_submodule(name, _halved(layer) if isinstance(layer, nn.Conv2d) else nn.Identity())


def _first_reduction(backbone: nn.Module, size: int) -> dict[str, nn.Module]:
    """Return by name the strided layers whose input has the highest resolution."""
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
    """Tell whether a layer is a strided convolution, or a strided layer without weights. Blocks of layers are not."""
    plain = not list(layer.children()) and not list(layer.parameters())
    return (plain or isinstance(layer, nn.Conv2d)) and _stride(layer) > 1


def _stride(layer: nn.Module) -> int:
    """Return the stride of a layer; 1 for a layer without a stride."""
    stride: Any = getattr(layer, "stride", 1)
    if isinstance(stride, tuple):
        stride = stride[-1]
    return stride if isinstance(stride, int) else 1


def _halved(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return the convolution with half its stride, padded so that the side of its output doubles."""
    from timm.layers.conv2d_same import Conv2dSame

    stride, kernel = _stride(convolution) // 2, convolution.kernel_size[0]
    if stride > 1 or kernel % 2:
        convolution.stride = (stride, stride)
        convolution.padding = ((kernel - stride + 1) // 2,) * 2
        return convolution
    # An even kernel with stride 1 needs one more row of padding on one side than on the other.
    padded: nn.Conv2d = Conv2dSame(
        convolution.in_channels,
        convolution.out_channels,
        kernel,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    padded.load_state_dict(convolution.state_dict())
    return padded
