"""Networks are built, or it is said why not."""

from pathlib import Path

import pytest
import torch

from model.errors import TrainingError
from model.training.config import read_config
from model.training.network import build_network


@pytest.mark.parametrize("size", [32, 64])
def test_a_network_turns_images_into_logits(size: int) -> None:
    network = build_network(read_config("quick"), size=size, pretrained_file="")
    assert network(torch.zeros(2, 3, size, size)).shape == (2,)


def test_the_seed_decides_the_weights_a_network_starts_with() -> None:
    first, again, other = (
        build_network(read_config("quick", {"seed": seed}), size=32, pretrained_file="").state_dict()["output.weight"]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_small_image_keeps_its_resolution_past_the_stem() -> None:
    small = build_network(read_config("quick"), size=32, pretrained_file="").eval()
    assert small.backbone(torch.zeros(1, 3, 32, 32)).shape[-2:] == (2, 2)


def test_an_unknown_backbone_is_named_with_near_ones() -> None:
    with pytest.raises(TrainingError, match=r"'resnet10' is no timm model; did you mean one of: .*resnet"):
        build_network(read_config("quick", {"backbone": "resnet10"}), size=64, pretrained_file="")


def test_missing_pretrained_weights_end_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"TRUEGRAIN_PRETRAINED .* pretrained=never"):
        build_network(read_config("production"), size=64, pretrained_file=str(tmp_path / "absent.safetensors"))


def test_weights_that_could_run_code_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no safetensors file"):
        build_network(read_config("production"), size=64, pretrained_file=str(tmp_path / "weights.pth"))


def test_local_pretrained_weights_are_loaded(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    donor = build_network(read_config("quick"), size=64, pretrained_file="")
    save_file(donor.backbone.state_dict(), tmp_path / "donor.safetensors")
    heir = build_network(
        read_config("quick", {"pretrained": "required"}), size=64, pretrained_file=str(tmp_path / "donor.safetensors")
    )
    for name, tensor in donor.backbone.state_dict().items():
        assert torch.equal(tensor, heir.backbone.state_dict()[name])
