"""Batch normalisation over the images of all processes, so that a step does the same however many share it."""

import torch
from torch import Tensor, nn
from torch import distributed as group
from torch.nn.modules.batchnorm import _BatchNorm

from model.training.distributed import Process, mean_over_all


def synchronise(network: nn.Module, place: Process) -> nn.Module:
    """Replace each batch normalisation in `network` by one over all processes; weights and their names stay."""
    if place.device.type == "cuda":
        from timm.layers import norm_act

        converted: nn.Module = norm_act.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # timm's
        return converted
    for name, child in network.named_children():
        setattr(network, name, SharedBatchNorm(child) if isinstance(child, _BatchNorm) else synchronise(child, place))
    return network


class SharedBatchNorm(nn.Module):
    """What torch.nn.SyncBatchNorm does on GPUs, for the CPU; each process must have as many images as the others."""

    def __init__(self, alone: _BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = alone.weight, alone.bias
        for name, buffer in alone.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self.eps, self.momentum = alone.eps, alone.momentum or 0.0
        self.drop = getattr(alone, "drop", nn.Identity())  # timm's BatchNormAct2d goes on with these two
        self.act = getattr(alone, "act", nn.Identity())

    def forward(self, features: Tensor) -> Tensor:
        """Normalise [N, C] or [N, C, h, w] in float32 and return it as it came."""
        light = features.float()
        axes = [axis for axis in range(light.ndim) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(light.ndim)]
        if self.training:
            mean = mean_over_all(light.mean(axes))
            variance = mean_over_all((light - mean.view(shape)).square().mean(axes))
            self._remember(mean, variance, count=light.numel() // len(mean) * group.get_world_size())
        else:
            mean, variance = self.running_mean, self.running_var  # type: ignore[assignment]
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = (light - mean.view(shape)) * scale.view(shape) + self.bias.view(shape)
        kept: Tensor = self.act(self.drop(normalised.to(features.dtype)))
        return kept

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, *, count: int) -> None:
        self.num_batches_tracked.add_(1)  # type: ignore[operator]
        self.running_mean.lerp_(mean, self.momentum)  # type: ignore[operator]
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)  # type: ignore[operator]
