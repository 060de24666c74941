"""Networks are built from any backbone that gives a map; for others the error names the reason."""

from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from model.errors import TrainingError
from model.training.config import TrainConfig, read_config
from model.training.network.backbone import create_backbone
from model.training.network.feature_map import to_map
from model.training.network.network import Network, build_network


def configure(backbone: str, **overrides: object) -> TrainConfig:
    return read_config("quick", {"backbone": backbone, "pretrained": "never", "smallest_map": 4} | overrides)


def build(backbone: str, *, size: int, file: str = "", **overrides: object) -> Network:
    return build_network(configure(backbone, **overrides), size=size, pretrained_file=file)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))


def test_the_seed_decides_the_weights_a_network_starts_with() -> None:
    first, again, other = (
        build("resnet10t", size=32, seed=seed).state_dict()["head.output.weight"] for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_mirrored_network_says_the_same_of_an_image_and_its_mirror_image_once_it_is_trained() -> None:
    plain, mirrored = (build("resnet10t", size=32, mirrored=mirrored) for mirrored in (False, True))
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(mirrored.features(images), plain.features(images)), "in training"
    for network in (plain, mirrored):
        network.eval()
    assert not torch.allclose(plain(images), plain(images.flip(3)), atol=1e-5)
    torch.testing.assert_close(mirrored(images), mirrored(images.flip(3)))
    torch.testing.assert_close(mirrored.features(images.flip(3)), mirrored.features(images).flip(3))


@pytest.mark.parametrize(("backbone", "mean"), [("resnet10t", (0.485, 0.456, 0.406)), ("tf_efficientnet_lite0", 0.5)])
def test_pixels_are_normalised_as_the_weights_of_the_backbone_expect(
    backbone: str, mean: float | tuple[float, ...]
) -> None:
    network = build(backbone, size=32)
    pixels = torch.full((2, 32, 32, 3), 0, dtype=torch.uint8) + (255 * torch.tensor(mean)).to(torch.uint8)
    normalised = network.normalise(pixels)
    assert normalised.shape == (2, 3, 32, 32)
    assert normalised.abs().max() < 0.02, "the mean becomes zero, except for rounding"
    assert network.normalise(pixels + 64).mean() > 0.4


@pytest.mark.parametrize(
    "backbone",
    [
        "resnet10t",
        "efficientnet_b0",
        "tf_efficientnetv2_b0",
        "convnext_atto",
        "mobilenetv3_small_050",
        "regnetx_002",
        "vit_tiny_patch16_224",
        "mambaout_femto",  # channels last
    ],
)
def test_a_small_image_keeps_a_map_of_four_by_four(backbone: str) -> None:
    network = build(backbone, size=32)
    images = torch.randn(2, 3, 32, 32)
    assert network.features(images).shape[2:] == (4, 4)
    assert network(images).shape == (2,)


def test_first_layers_keep_their_stride_before_later_ones_do() -> None:
    strides = [build("resnet10t", size=size, smallest_map=2).backbone.conv1[0].stride for size in (32, 64)]
    assert strides == [(1, 1), (2, 2)]


def test_a_patch_stem_gives_up_no_more_of_its_stride_than_is_needed() -> None:
    assert build("convnext_atto", size=64).backbone.stem[0].stride == (2, 2)
    assert build("convnext_atto", size=32).backbone.stem[0].stride == (1, 1)


def test_a_photograph_meets_the_backbone_as_timm_made_it() -> None:
    backbone = build("resnet10t", size=128).backbone
    assert backbone.conv1[0].stride == (2, 2)
    assert isinstance(backbone.maxpool, nn.MaxPool2d)


def test_tokens_that_stand_for_no_place_are_dropped_and_the_others_laid_out_by_rows() -> None:
    places = torch.arange(6.0).view(1, 6, 1)
    assert to_map(places, prefix_tokens=2).tolist() == [[[[2, 3], [4, 5]]]]


def test_channels_come_first() -> None:
    assert to_map(torch.zeros(2, 3, 3, 8)).shape == to_map(torch.zeros(2, 8, 3, 3)).shape == (2, 8, 3, 3)


@pytest.mark.parametrize("shape", [(2, 512), (2, 6, 8)])
def test_features_without_places_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TrainingError, match=rf"{list(shape[1:])}.* not a square map".replace("[", r"\[")):
        to_map(torch.zeros(shape), prefix_tokens=1)


def test_an_unknown_backbone_is_named_with_near_ones() -> None:
    with pytest.raises(TrainingError, match=r"'resnet10' is not a timm model; did you mean one of: .*resnet"):
        build("resnet10", size=64)


def test_a_backbone_that_cannot_take_the_size_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"'inception_v3' is not made for images of 32 pixels: .*choose another"):
        build("inception_v3", size=32)


def test_widths_are_those_of_the_stages_where_they_can_be_chosen() -> None:
    assert build("resnet10t", size=32, widths=(8, 16, 24, 40)).head.hidden.in_features == 40
    with pytest.raises(TrainingError, match=r"'convnext_atto' is not made for .*channels=\(8, 16\)"):
        build("convnext_atto", size=32, widths=(8, 16))


@pytest.mark.usefixtures("no_hub")
def test_required_weights_that_cannot_be_had_end_with_the_way_out() -> None:
    with pytest.raises(TrainingError, match=r"from the hub: .*set TRUEGRAIN_PRETRAINED .*pretrained=never"):
        build("resnet10t", size=64, pretrained="required")


@pytest.mark.usefixtures("no_hub")
def test_preferred_weights_that_cannot_be_had_are_missed_on_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    network = build("resnet10t", size=64, pretrained="preferred")
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2,)
    assert "training from scratch, no pretrained weights" in capsys.readouterr().out


def test_weights_that_could_run_code_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"not a safetensors file"):
        build("resnet10t", size=64, pretrained="preferred", file=str(tmp_path / "weights.pth"))


def test_a_file_of_weights_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"absent\.safetensors' cannot be read: .*use the hub"):
        build("resnet10t", size=64, pretrained="preferred", file=str(tmp_path / "absent.safetensors"))


@pytest.mark.parametrize("backbone", ["resnet10t", "convnext_atto", "vit_tiny_patch16_224"])
def test_local_pretrained_weights_for_photographs_are_loaded_for_small_images_too(
    tmp_path: Path, backbone: str
) -> None:
    donor = create_backbone(configure(backbone), size=224, pretrained_file="").state_dict()
    save_file(donor, tmp_path / "donor.safetensors")
    heir = build(backbone, size=32, pretrained="required", file=str(tmp_path / "donor.safetensors"), seed=1)
    inherited = heir.backbone.state_dict()
    assert inherited.keys() == donor.keys()
    resampled = {"patch_embed.proj.weight", "pos_embed"}
    assert all(torch.equal(inherited[name], donor[name]) for name in donor if name not in resampled)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    file = tmp_path / "donor.safetensors"
    save_file(build("resnet10t", size=64).backbone.state_dict(), file)
    weights = load_file(file)
    weights["conv1.elsewhere"] = weights.pop("conv1.0.weight")
    weights["layer1.0.bn1.weight"] = torch.zeros(3)
    save_file(weights, file)
    complaint = r'donor\.safetensors\' does not fit \'resnet10t\': Missing .*"conv1\.0\.weight".*"conv1\.elsewhere"'
    with pytest.raises(TrainingError, match=complaint + r".* layer1\.0\.bn1\.weight"):
        build("resnet10t", size=64, pretrained="preferred", file=str(file))
