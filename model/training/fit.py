"""The training loop: epochs of steps, validation after each, a checkpoint, early stopping."""

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW
from tqdm import tqdm

from model.errors import TrainingError
from model.training.batches import evaluation_batches, normalise, training_batches
from model.training.checkpoint import (
    Progress,
    load_checkpoint,
    load_network,
    save_checkpoint,
    save_network,
)
from model.training.config import TrainConfig
from model.training.pixels import Samples

_EVALUATION_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one finished epoch showed; losses are mean binary cross-entropies in nats."""

    number: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    seconds: float
    images_per_second: float


def fit(
    network: nn.Module,
    train: Samples,
    val: Samples,
    config: TrainConfig,
    *,
    folder: Path,
    report: Callable[[Epoch], None],
) -> Progress:
    """Train `network` in place and leave it with the weights of its best epoch.

    Resumes from the checkpoint in `folder` when there is one; a kill costs at most the epoch it fell into. `report` is
    called after each epoch. Raises TrainingError when there are too few images or the loss is no longer a number.
    """
    _check(train, config)
    device = choose_device()
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    optimizer = AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    last, best = folder / "last.safetensors", folder / "best.safetensors"
    progress = load_checkpoint(last, network, optimizer) if last.exists() else Progress()
    while progress.epochs < config.epochs and progress.epochs - progress.best_epoch < config.patience:
        started = time.monotonic()
        number = progress.epochs + 1
        train_loss = _train_one_epoch(network, optimizer, train, config, number=number, device=device)
        seconds = time.monotonic() - started
        logits = predict_logits(network, val)
        val_loss = _loss(torch.from_numpy(logits), torch.from_numpy(val.labels), smoothing=0.0).item()
        progress = replace(progress, epochs=number)
        if val_loss < progress.best_loss:
            save_network(best, network)
            progress = replace(progress, best_epoch=number, best_loss=val_loss)
        save_checkpoint(last, network, optimizer, progress)
        report(
            Epoch(
                number=number,
                train_loss=train_loss,
                val_loss=val_loss,
                val_accuracy=float(((logits > 0) == (val.labels > 0)).mean()),
                seconds=seconds,
                images_per_second=len(train.labels) / seconds,
            )
        )
    load_network(best, network)
    return progress


def predict_logits(network: nn.Module, samples: Samples) -> np.ndarray:
    """Return the logits [N] of all samples in full precision, without augmentation."""
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        batches = evaluation_batches(samples, batch_size=_EVALUATION_BATCH)
        logits = torch.cat([network(normalise(pixels.to(device))) for pixels in batches])
    return logits.cpu().numpy()


def learning_rate(step: int, *, steps_per_epoch: int, config: TrainConfig) -> float:
    """Return the learning rate of a step (from 0): a linear warm-up, then half a cosine down to zero."""
    warmup = config.warmup_epochs * steps_per_epoch
    total = config.epochs * steps_per_epoch
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))


def choose_device() -> torch.device:
    """Return the GPU where there is one, else the CPU with all its cores."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    torch.set_num_threads(os.cpu_count() or 1)
    return torch.device("cpu")


def _train_one_epoch(
    network: nn.Module,
    optimizer: AdamW,
    samples: Samples,
    config: TrainConfig,
    *,
    number: int,
    device: torch.device,
) -> float:
    """Run one epoch and return its mean loss. Seeded by its number, so that a resumed run repeats it exactly."""
    torch.manual_seed(config.seed * 1_000_003 + number)
    generator = np.random.default_rng([config.seed, number])
    batches = training_batches(samples, batch_size=config.batch_size, max_shift=config.max_shift, generator=generator)
    steps = len(samples.labels) // config.batch_size
    name = f"epoch {number}/{config.epochs}"
    bar = tqdm(batches, name, total=steps, leave=False, disable=not sys.stderr.isatty())
    network.train()
    total = torch.zeros((), device=device)
    for step, (pixels, labels) in enumerate(bar, start=(number - 1) * steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps_per_epoch=steps, config=config)
        with torch.autocast(device.type, torch.bfloat16, enabled=_has_fast_bfloat16(device)):
            logits = network(normalise(pixels.to(device)))
        loss = _loss(logits.float(), labels.to(device), smoothing=config.label_smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        total += loss.detach()
    mean = float(total) / steps
    if not math.isfinite(mean):
        raise TrainingError(f"the loss became {mean} in {name}: lower learning_rate (now {config.learning_rate})")
    return mean


def _loss(logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, labels * (1 - smoothing) + smoothing / 2)


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether the device computes in bfloat16; elsewhere it is emulated and slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def _check(train: Samples, config: TrainConfig) -> None:
    if len(train.labels) < config.batch_size:
        raise TrainingError(
            f"{len(train.labels)} training images do not fill one batch of {config.batch_size}: "
            "add images or lower batch_size"
        )
