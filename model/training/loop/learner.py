"""Takes training steps on a network: loss, optimizer and moving average of the weights."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW

from model.training.config import TrainConfig
from model.training.distributed import ALONE, Process, mean_over_all
from model.training.network.classifier import Classifier
from model.training.network.torchvision_import import make_torchvision_importable


class Learner:
    """Trains `network` in place; with several processes, a copy of it whose weights have the same names."""

    def __init__(self, network: Classifier, config: TrainConfig, process: Process = ALONE) -> None:
        self._config = config
        self.device = process.device
        network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in stubs
        self.network = network if process.world == 1 else _synchronise(copy.deepcopy(network), process)
        self.average: Any = _averaged(self.network, config) if config.ema_decay else None
        self.optimizer = AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._shared: nn.Module = self.network
        self._process = process

    @property
    def judged(self) -> Classifier:
        """The network that is evaluated and released: the averaged network, if there is an average."""
        averaged: Classifier = self.average.module if self.average else self.network
        return averaged

    def start(self) -> None:
        """Connect to the other processes. Call this after loading a checkpoint and before the first step."""
        if self._process.world > 1:
            devices = [self.device.index] if self.device.type == "cuda" else None
            self._shared = DistributedDataParallel(self.network, devices, broadcast_buffers=False)
        if self._config.compile:  # a wrapper: the network that is evaluated, saved and exported is unchanged
            self._shared = torch.compile(self._shared)  # type: ignore[assignment]  # the result is a module

    def step(self, pixels: Tensor, labels: Tensor, *, number: int, rate: float) -> Tensor:
        """Take step `number` (from 0) on pixels [B, S, S, 3] uint8 and labels [B]; returns the loss before the step."""
        for settings in self.optimizer.param_groups:
            settings["lr"] = rate
        pixels, labels = (tensor.to(self.device, non_blocking=True) for tensor in (pixels, labels))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_has_fast_bfloat16(self.device)):
            logits = self._shared(self.network.normalise(pixels))
        loss = training_loss(logits.float(), labels, self._config)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if self._config.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._config.clip_norm)
        self.optimizer.step()
        if self.average:
            self.average.update(self.network, step=number)
        return loss.detach()


def cross_entropy(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean binary cross-entropy in nats; `smoothing` moves labels [N] in [0, 1] towards 0.5."""
    return functional.binary_cross_entropy_with_logits(logits, labels * (1 - smoothing) + smoothing / 2)


def training_loss(logits: Tensor, labels: Tensor, config: TrainConfig) -> Tensor:
    """Return the cross-entropy plus `prior_weight` times (mean probability - `prior`)^2.

    Without the second term a detector tends to call all images of an unknown kind one class. The mean is over the whole
    batch of all processes.
    """
    loss = cross_entropy(logits, labels, smoothing=config.label_smoothing)
    if not config.prior_weight:
        return loss
    mean = mean_over_all(torch.sigmoid(logits).mean())
    return loss + config.prior_weight * (mean - config.prior).square()


def _synchronise(network: Classifier, process: Process) -> Classifier:
    """On GPUs let batch normalisation use the images of all processes; torch has no such layer for CPUs."""
    if process.device.type != "cuda":
        return network
    make_torchvision_importable()
    from timm.layers.norm_act import convert_sync_batchnorm

    converted: Classifier = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # timm's
    return converted


def _averaged(network: nn.Module, config: TrainConfig) -> Any:
    """Return a moving average of weights and batch normalisation statistics; its window grows during training."""
    make_torchvision_importable()
    from timm.utils.model_ema import ModelEmaV3

    return ModelEmaV3(network, decay=config.ema_decay, use_warmup=True)


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether the device computes in bfloat16. Other devices emulate bfloat16, slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
