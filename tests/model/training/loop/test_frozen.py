"""Only the head of a frozen encoder learns, from features that are computed once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from model.dataset.lake import Lake
from model.detectors.detector import Detector
from model.errors import TrainingError
from model.images.preprocess import Preprocess
from model.registry import connect
from model.settings import Settings
from model.training.config import TrainConfig, read_config
from model.training.data.samples import Samples, load_samples
from model.training.loop.fit import Epoch, predict_logits
from model.training.loop.frozen import encode, fit_head
from model.training.loop.train import train_detector
from model.training.network.backbone import create_backbone
from model.training.network.network import Network, build_network

SIZE = 32


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """Weights of a backbone that nobody trained: random features tell bright from dark, too."""
    torch.manual_seed(7)
    file = tmp_path / "weights.safetensors"
    backbone = create_backbone(read_config("quick", {"backbone": "resnet10t"}), size=SIZE, pretrained_file="")
    save_file(backbone.state_dict(), file)
    return str(file)


@pytest.fixture
def config() -> TrainConfig:
    frozen = {"encoder": "frozen", "pretrained": "required", "hidden": 0, "copies": 2, "ema_decay": 0.0, "int8": False}
    return read_config("quick", {"epochs": 3, "batch_size": 32, "learning_rate": 1e-2} | frozen)


@pytest.fixture
def network(config: TrainConfig, weights: str) -> Network:
    return build_network(config, size=SIZE, pretrained_file=weights)


@pytest.fixture
def count_seen(network: Network) -> Callable[[], int]:
    """Return how many images the encoder has seen since the last call."""
    seen: list[int] = []

    def note(_module: object, inputs: tuple[Tensor, ...]) -> None:
        seen.append(len(inputs[0]))

    network.backbone.register_forward_pre_hook(note)

    def count() -> int:
        total = sum(seen)
        seen.clear()
        return total

    return count


def load(lake: Lake, version: str, split: str, tmp_path: Path) -> Samples:
    return load_samples(lake, version, split, Preprocess(SIZE), cache=tmp_path / "cache")


def ignore(_epoch: Epoch) -> None:
    """Report nothing."""


def test_the_head_learns_and_the_encoder_stays_as_it_is(
    lake: Lake, dataset: str, config: TrainConfig, network: Network, tmp_path: Path
) -> None:
    train, val = (encode(network, load(lake, dataset, s, tmp_path), config, lake=lake) for s in ("train", "val"))
    before = {key: value.clone() for key, value in network.backbone.state_dict().items()}
    fit_head(network, train, val, config, lake=lake, folder=tmp_path / "run", report=ignore)
    assert all(torch.equal(before[key], value) for key, value in network.backbone.state_dict().items())
    correct = (predict_logits(network, train) > 0) == (train.labels > 0)
    assert correct.mean() > 0.8


def test_each_image_and_each_copy_is_encoded_once(
    lake: Lake,
    dataset: str,
    config: TrainConfig,
    network: Network,
    count_seen: Callable[[], int],
    tmp_path: Path,
) -> None:
    train, val = (load(lake, dataset, split, tmp_path) for split in ("train", "val"))
    for times in (1, 0):
        encoded = [encode(network, samples, config, lake=lake) for samples in (train, val)]
        fit_head(network, *encoded, config, lake=lake, folder=tmp_path / str(times), report=ignore)
        assert count_seen() == times * ((1 + config.copies) * len(train.labels) + len(val.labels))
    some = replace(train, pixels=train.pixels[::2], labels=train.labels[::2], ids=train.ids[::2])
    encode(network, some, config, lake=lake)
    assert count_seen() == 0


def test_other_weights_are_another_encoder(
    lake: Lake, dataset: str, config: TrainConfig, network: Network, count_seen: Callable[[], int], tmp_path: Path
) -> None:
    val = load(lake, dataset, "val", tmp_path)
    first = encode(network, val, config, lake=lake)
    count_seen()
    with torch.no_grad():
        next(network.backbone.parameters()).mul_(1.5)
    other = encode(network, val, config, lake=lake)
    assert count_seen() == len(val.labels)
    assert not np.allclose(first.pooled, other.pooled)


def test_a_training_ends_with_a_detector_that_is_served_as_any_other(
    settings: Settings, dataset: str, config: TrainConfig, weights: str, tmp_path: Path
) -> None:
    result = train_detector(settings.model_copy(update={"pretrained": weights}), config, dataset_version=dataset)
    detector = Detector.load(connect(settings).download(str(result["run_id"]), tmp_path / "downloaded"))
    assert detector.card.training["encoder"] == "frozen"
    assert detector.knows_domain
    lake = Lake(settings.lake_url)
    val = load(lake, dataset, "val", tmp_path)
    assert ((detector.score(np.array(val.pixels)).probability > 0.5) == (val.labels > 0)).mean() > 0.8


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"pretrained": "never"}, "encoder=frozen learns nothing itself, and needs pretrained=required, not never"),
        ({"augmentation.mixup": 0.1}, "sees each image by itself: switch off augmentation.mixup"),
        ({"augmentation.paired": True}, "sees each image by itself: switch off augmentation.paired"),
        ({"encoder": "trained", "copies": 2}, "copies=2 needs encoder=frozen"),
    ],
)
def test_options_that_contradict_each_other_are_refused(overrides: dict[str, object], complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        read_config("quick", {"encoder": "frozen", "pretrained": "required"} | overrides)
