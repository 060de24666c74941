"""Trains a network epoch by epoch, with validation, checkpoints to resume from, and early stopping."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from model.errors import TrainingError
from model.training.config import TrainConfig
from model.training.data.batches import evaluation_batches, plan_epoch, training_batches
from model.training.data.samples import Samples
from model.training.distributed import ALONE, Process, check_shares, own_part, put_together, take_from_first
from model.training.loop.checkpoint import Progress, load_checkpoint, load_network, save_checkpoint, save_network
from model.training.loop.learner import Learner, cross_entropy
from model.training.network.classifier import Classifier

_EVALUATION_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """Measurements of one finished epoch. Losses are mean binary cross-entropies in nats.

    `train_loss` includes label smoothing and the `prior_weight` term. `val_accuracy` is 0 to 1, at probability 0.5.
    `seconds` and `images_per_second` are those of training, without validation.
    """

    number: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    seconds: float
    images_per_second: float


def fit(
    network: Classifier,
    train: Samples,
    val: Samples,
    config: TrainConfig,
    *,
    folder: Path,
    report: Callable[[Epoch], None],
    process: Process = ALONE,
) -> Progress:
    """Train `network` in place and leave it with the weights of its best epoch (averaged if `ema_decay` is set).

    Resumes from the checkpoint in `folder` if there is one. A process that is killed loses at most its current epoch.

    Several processes compute the same as one process, except for rounding and dropout masks. On CPUs batch
    normalisation differs, too: each process normalises its own share of a step. Only the first process reports, writes
    to `folder`, and gets the best weights.

    Raises TrainingError for too few images, a checkpoint that does not fit, or a loss that is not finite. Raises
    StorageFull without room for a checkpoint.
    """
    check_shares(config, process)
    steps = plan_epoch(train, config, number=0).steps
    learner = Learner(network, config, process)
    last, best = folder / "last.safetensors", folder / "best.safetensors"
    progress = load_checkpoint(last, learner, config) if last.exists() else Progress()
    learner.start()
    while progress.epochs < config.epochs and progress.epochs - progress.best_epoch < config.patience:
        started = time.monotonic()
        number = progress.epochs + 1
        train_loss = _train_one_epoch(learner, train, config, number=number, process=process)
        seconds = time.monotonic() - started
        logits = _validate(learner.judged, val, process)
        val_loss = cross_entropy(torch.from_numpy(logits), torch.from_numpy(val.labels)).item()
        _refuse_no_number(val_loss, config, number)
        better = val_loss < progress.best_loss
        progress = replace(progress, epochs=number)
        progress = replace(progress, best_epoch=number, best_loss=val_loss) if better else progress
        if not process.first:
            continue
        if better:
            save_network(best, learner.judged)
        save_checkpoint(last, learner, config, progress)
        report(
            Epoch(
                number=number,
                train_loss=train_loss,
                val_loss=val_loss,
                val_accuracy=float(((logits > 0) == (val.labels > 0)).mean()),
                seconds=seconds,
                images_per_second=steps * config.batch_size / seconds,
            )
        )
    if process.first:
        load_network(best, network)
    return progress


def predict_logits(network: Classifier, samples: Samples) -> np.ndarray:
    """Return the logits [N] of all samples, in float32 and without augmentation."""
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        batches = evaluation_batches(samples, batch_size=_EVALUATION_BATCH)
        logits = torch.cat([network(network.normalise(pixels.to(device))) for pixels in batches])
    return logits.cpu().numpy()


def learning_rate(step: int, *, steps_per_epoch: int, config: TrainConfig) -> float:
    """Return the learning rate of a step (from 0): a linear warm-up, then half a cosine down to zero."""
    warmup = config.warmup_epochs * steps_per_epoch
    total = config.epochs * steps_per_epoch
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))


def _train_one_epoch(
    learner: Learner, samples: Samples, config: TrainConfig, *, number: int, process: Process
) -> float:
    """Run one epoch and return its mean loss. The seed depends on its number, so a resumed run repeats it exactly."""
    torch.manual_seed((config.seed * 1_000_003 + number) * 1_009 + process.rank)  # other dropout masks in each process
    epoch = plan_epoch(samples, config, number=number)
    batches = training_batches(samples, config, epoch, process=process)
    name = f"epoch {number}/{config.epochs}"
    shown = sys.stderr.isatty() and process.first
    learner.network.train()
    total = torch.zeros((), device=learner.device)
    bar = tqdm(batches, name, total=epoch.steps, leave=False, disable=not shown)
    for step, (pixels, labels) in enumerate(bar, start=(number - 1) * epoch.steps):
        rate = learning_rate(step, steps_per_epoch=epoch.steps, config=config)
        total += learner.step(pixels, labels, number=step, rate=rate)
    mean = float(total) / epoch.steps
    _refuse_no_number(mean, config, number)
    return mean


def _validate(network: Classifier, val: Samples, process: Process) -> np.ndarray:
    """Return the logits [N] of all samples; each process computes a part, with the buffers of the first process."""
    take_from_first(network.buffers(), process)  # the statistics of batch normalisation differ on CPUs
    part = own_part(len(val.labels), process)
    own = predict_logits(network, replace(val, pixels=val.pixels[part], labels=val.labels[part]))
    return put_together(torch.from_numpy(own), len(val.labels), process).numpy()


def _refuse_no_number(loss: float, config: TrainConfig, number: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss} in epoch {number}/{config.epochs}: lower learning_rate (now "
            f"{config.learning_rate}), or shorten the steps with clip_norm (now {config.clip_norm}; 0 is off)"
        )
