"""Pretrained weights come from an installed package, if its file is the one that was checked."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.errors import TrainingError
from model.training.config import read_config
from model.training.network.network import build_network
from model.training.network.weights import PACKAGED, find_packaged

LITE = "tf_efficientnet_lite0"


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the same name whose file is another one, and whose code must not run."""
    packaged = PACKAGED[LITE]
    file = tmp_path / "altered" / packaged.module / packaged.file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"other weights")
    (tmp_path / "altered" / packaged.module / "__init__.py").write_text("raise AssertionError('it was imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "altered"))
    return file


def test_weights_of_the_package_fit_timms_model_name_by_name(tmp_path: Path) -> None:
    converted = find_packaged(LITE, cache=tmp_path)
    spec = importlib.util.find_spec(PACKAGED[LITE].module)
    assert spec is not None
    assert spec.origin is not None
    original = torch.load(Path(spec.origin).parent / PACKAGED[LITE].file, weights_only=True)
    renamed = load_file(converted)
    network = build_network(
        read_config("quick", {"backbone": LITE, "pretrained": "required", "smallest_map": 1}),
        size=64,
        pretrained_file=converted,
    )
    own = network.backbone.state_dict()
    assert len(own) > 200
    assert all(torch.equal(own[name], renamed[name]) for name in own)
    kinds = [[name.rpartition(".")[2] for name in names] for names in (own, original)]
    assert kinds[0] == kinds[1][: len(own)]
    assert PACKAGED[LITE].module not in sys.modules


def test_weights_are_converted_once(tmp_path: Path) -> None:
    first = Path(find_packaged(LITE, cache=tmp_path))
    written = first.stat().st_mtime_ns
    assert find_packaged(LITE, cache=tmp_path) == str(first)
    assert first.stat().st_mtime_ns == written


def test_a_file_with_another_hash_is_refused_and_nothing_is_made(altered: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=rf"{altered.name} was altered: its SHA-256 is .* install efficientnet-lite0"
    ):
        find_packaged(LITE, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_other_backbones_and_a_missing_package_have_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_packaged("resnet10t", cache=tmp_path) == ""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert find_packaged(LITE, cache=tmp_path) == ""
