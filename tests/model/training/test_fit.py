"""The loop learns, stops, resumes and reports."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.errors import TrainingError
from model.training.config import TrainConfig
from model.training.fit import Epoch, fit, learning_rate
from model.training.network import Network, build_network
from model.training.pixels import Samples


def bright_or_dark(count: int, seed: int) -> Samples:
    labels = (np.arange(count) % 2).astype(np.float32)
    noise = np.random.default_rng(seed).integers(0, 150, (count, 32, 32, 3), dtype=np.uint8)
    return Samples(noise + (labels * 100).astype(np.uint8)[:, None, None, None], labels)


TRAIN, VAL = bright_or_dark(192, 0), bright_or_dark(64, 1)


def build(config: TrainConfig) -> Network:
    return build_network(config, size=32, pretrained_file="")


def ignore(_: Epoch) -> None:
    pass


class Killed(Exception):
    pass


def kill_after(number: int) -> Callable[[Epoch], None]:
    def report(epoch: Epoch) -> None:
        if epoch.number == number:
            raise Killed

    return report


def test_it_learns_what_can_be_learned_and_reports_each_epoch(config: TrainConfig, tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    progress = fit(build(config), TRAIN, VAL, config, folder=tmp_path, report=epochs.append)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].val_accuracy == 1.0
    assert progress.best_loss == min(epoch.val_loss for epoch in epochs)


def test_a_killed_training_goes_on_after_its_last_epoch_and_ends_the_same(config: TrainConfig, tmp_path: Path) -> None:
    whole, resumed = build(config), build(config)
    fit(whole, TRAIN, VAL, config, folder=tmp_path / "whole", report=ignore)
    with pytest.raises(Killed):
        fit(resumed, TRAIN, VAL, config, folder=tmp_path / "killed", report=kill_after(2))
    again: list[Epoch] = []
    fit(build(config), TRAIN, VAL, config, folder=tmp_path / "killed", report=again.append)
    assert [epoch.number for epoch in again] == [3]
    first, second = ((tmp_path / name / "best.safetensors").read_bytes() for name in ("whole", "killed"))
    assert first == second


def test_it_stops_early_and_keeps_the_best_epoch(config: TrainConfig, tmp_path: Path) -> None:
    misleading = Samples(VAL.pixels, 1 - VAL.labels)
    network = build(config)
    progress = fit(network, TRAIN, misleading, replace(config, epochs=9, patience=2), folder=tmp_path, report=ignore)
    assert progress.epochs == progress.best_epoch + 2 < 9


def test_a_checkpoint_of_another_network_is_refused_with_the_way_out(config: TrainConfig, tmp_path: Path) -> None:
    fit(build(config), TRAIN, VAL, replace(config, epochs=1), folder=tmp_path, report=ignore)
    other = build(replace(config, backbone="resnet18"))
    with pytest.raises(TrainingError, match=r"does not fit this network.*Delete it"):
        fit(other, TRAIN, VAL, config, folder=tmp_path, report=ignore)


def test_a_damaged_checkpoint_is_named(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(b"half a checkpoi")
    with pytest.raises(TrainingError, match=r"last\.safetensors cannot be read.*Delete it"):
        fit(build(config), TRAIN, VAL, config, folder=tmp_path, report=ignore)


def test_a_loss_that_is_no_number_ends_training_and_names_the_rate(config: TrainConfig, tmp_path: Path) -> None:
    network = build(config)
    torch.nn.init.constant_(network.output.weight, float("nan"))
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1/3: lower learning_rate \(now 0\.002\)"):
        fit(network, TRAIN, VAL, config, folder=tmp_path, report=ignore)


def test_too_few_images_for_a_batch_are_counted(config: TrainConfig, tmp_path: Path) -> None:
    few = Samples(TRAIN.pixels[:10], TRAIN.labels[:10])
    with pytest.raises(TrainingError, match="10 training images do not fill one batch of 32"):
        fit(build(config), few, VAL, config, folder=tmp_path, report=ignore)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing(config: TrainConfig) -> None:
    rates = [learning_rate(step, steps_per_epoch=10, config=config) for step in range(30)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(config.learning_rate)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01 * config.learning_rate
