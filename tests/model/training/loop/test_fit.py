"""The loop learns, stops, resumes and reports."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from upath import UPath

from model.errors import StorageFull, TrainingError
from model.training.config import Augmentation, TrainConfig
from model.training.data.samples import Samples
from model.training.loop.fit import Epoch, fit, learning_rate
from model.training.network.network import Network, build_network
from support.full_disk import PROTOCOL, ROOM, register
from support.training import bright_or_dark

TRAIN, VAL = bright_or_dark(160, 0), bright_or_dark(64, 1)


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


ALL = Augmentation(mirror=0.5, shift=0.1, crop=0.3, noise=0.3, jpeg=0.3, mixup=0.3, paired=True)


def test_a_killed_training_goes_on_after_its_last_epoch_and_ends_the_same(config: TrainConfig, tmp_path: Path) -> None:
    everything = {"ema_decay": 0.99, "clip_norm": 1.0, "prior_weight": 0.1, "balanced": True, "augmentation": ALL}
    config = replace(config, epochs=2, **everything)
    whole, resumed = build(config), build(config)
    fit(whole, TRAIN, VAL, config, folder=tmp_path / "whole", report=ignore)
    with pytest.raises(Killed):
        fit(resumed, TRAIN, VAL, config, folder=tmp_path / "killed", report=kill_after(1))
    again: list[Epoch] = []
    fit(build(config), TRAIN, VAL, config, folder=tmp_path / "killed", report=again.append)
    assert [epoch.number for epoch in again] == [2]
    first, second = ((tmp_path / name / "best.safetensors").read_bytes() for name in ("whole", "killed"))
    assert first == second


def test_it_stops_early_and_keeps_the_best_epoch(config: TrainConfig, tmp_path: Path) -> None:
    misleading = Samples(VAL.pixels, 1 - VAL.labels)
    network = build(config)
    progress = fit(network, TRAIN, misleading, replace(config, epochs=9, patience=2), folder=tmp_path, report=ignore)
    assert progress.epochs == progress.best_epoch + 2 < 9


def test_a_checkpoint_of_another_config_names_what_differs_and_the_way_out(config: TrainConfig, tmp_path: Path) -> None:
    fit(build(config), TRAIN, VAL, replace(config, epochs=1), folder=tmp_path, report=ignore)
    with pytest.raises(TrainingError, match=r"another config \(epochs=1, now 3\)\. Delete it"):
        fit(build(config), TRAIN, VAL, config, folder=tmp_path, report=ignore)


def test_a_checkpoint_of_another_network_is_refused_with_the_way_out(config: TrainConfig, tmp_path: Path) -> None:
    fit(build(config), TRAIN, VAL, replace(config, epochs=1), folder=tmp_path, report=ignore)
    other = build(replace(config, backbone="resnet18"))
    with pytest.raises(TrainingError, match=r"does not fit this network.*Delete it"):
        fit(other, TRAIN, VAL, replace(config, epochs=1), folder=tmp_path, report=ignore)


def test_a_full_disk_at_a_checkpoint_leaves_the_one_before_to_go_on_from(config: TrainConfig, tmp_path: Path) -> None:
    config = replace(config, epochs=2)
    fit(build(config), TRAIN, VAL, config, folder=tmp_path / "whole", report=ignore)
    folder = tmp_path / "full"
    register()
    ROOM.reset()

    def fill(_: Epoch) -> None:
        ROOM.full_at = ROOM.changes + 1

    with pytest.raises(StorageFull, match=r"no room for .*\.safetensors'.*the disk is full.*TRUEGRAIN_HOME"):
        fit(build(config), TRAIN, VAL, config, folder=UPath(f"{PROTOCOL}://{folder}"), report=fill)
    ROOM.reset()
    assert sorted(file.name for file in folder.iterdir()) == ["best.safetensors", "last.safetensors"]
    epochs: list[Epoch] = []
    fit(build(config), TRAIN, VAL, config, folder=folder, report=epochs.append)
    assert [epoch.number for epoch in epochs] == [2]
    assert (folder / "best.safetensors").read_bytes() == (tmp_path / "whole" / "best.safetensors").read_bytes()


def test_the_average_of_the_weights_is_what_is_judged_and_kept(config: TrainConfig, tmp_path: Path) -> None:
    config = replace(config, epochs=1, ema_decay=0.99)
    first, kept = build(config), build(config)
    fit(kept, TRAIN, VAL, config, folder=tmp_path, report=ignore)
    trained = load_file(tmp_path / "last.safetensors")
    now = kept.head.output.weight.detach()
    assert torch.equal(now, trained["average/head.output.weight"])
    assert not torch.equal(now, trained["network/head.output.weight"])
    assert not torch.equal(now, first.head.output.weight)


def test_a_damaged_checkpoint_is_named(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(b"half a checkpoi")
    with pytest.raises(TrainingError, match=r"last\.safetensors cannot be read.*Delete it"):
        fit(build(config), TRAIN, VAL, config, folder=tmp_path, report=ignore)


def test_a_loss_that_is_no_number_ends_training_and_names_the_rate(config: TrainConfig, tmp_path: Path) -> None:
    network = build(config)
    torch.nn.init.constant_(network.head.output.weight, float("nan"))
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1/3: lower learning_rate \(now 0\.002\)"):
        fit(network, TRAIN, VAL, config, folder=tmp_path, report=ignore)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing(config: TrainConfig) -> None:
    rates = [learning_rate(step, steps_per_epoch=10, config=config) for step in range(30)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(config.learning_rate)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01 * config.learning_rate
