"""The int8 variant is a separate, smaller artifact, offered only when it is clearly faster."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from model.detectors import artifact
from model.detectors.detector import Detector
from model.training.config import read_config
from model.training.data.samples import Samples
from model.training.network.network import build_network
from model.training.release.quantise import MARGIN, judge_speed, release_int8
from model.training.release.release import release
from support.training import bright_or_dark

SIZE = 32


@pytest.fixture(scope="module")
def val() -> Samples:
    return bright_or_dark(48, seed=0)


@pytest.fixture(scope="module")
def folders(val: Samples, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An artifact and its int8 variant."""
    full, int8 = (tmp_path_factory.mktemp("artifacts") / name for name in ("artifact", "artifact-int8"))
    config = read_config("quick")
    network = build_network(config, size=SIZE, pretrained_file="")
    with torch.no_grad():
        network(torch.randn(16, 3, SIZE, SIZE))
    release(network, val, val, config, name="quantised", dataset_version="v", git_revision="0", metrics={}, folder=full)
    release_int8(full, val, folder=int8)
    return full, int8


def test_the_variant_passes_its_own_check_and_answers_like_the_original(
    folders: tuple[Path, Path], val: Samples
) -> None:
    full, int8 = (Detector.load(folder) for folder in folders)
    assert int8.size_bytes < full.size_bytes / 3
    expected, found = full.score(val.pixels), int8.score(val.pixels)
    np.testing.assert_allclose(found.probability, expected.probability, atol=0.05)
    assert np.corrcoef(found.cam.ravel(), expected.cam.ravel())[0, 1] > 0.95
    assert found.embedding is not None
    assert expected.embedding is not None
    assert np.corrcoef(found.embedding.ravel(), expected.embedding.ravel())[0, 1] > 0.8


def test_each_travels_with_what_it_said_itself_of_the_validation_images(
    folders: tuple[Path, Path], val: Samples
) -> None:
    for folder in folders:
        reference = artifact.read_reference(folder)
        assert reference is not None
        scores = Detector.load(folder).score(val.pixels)
        np.testing.assert_array_equal(reference.label, val.labels)
        np.testing.assert_allclose(reference.sample.probability, scores.probability, atol=1e-4)
        np.testing.assert_allclose(reference.sample.embedding, scores.embedding, atol=0.05)
        assert set(reference.sample.format) == {"RAW"}


def test_an_embedding_is_as_wide_in_all_directions_on_the_reference(folders: tuple[Path, Path]) -> None:
    reference = artifact.read_reference(folders[0])
    assert reference is not None
    embedding = reference.sample.embedding
    np.testing.assert_allclose(embedding.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(np.cov(embedding.T), np.eye(embedding.shape[1]), atol=0.01)


def test_the_variant_is_calibrated_by_its_own_probabilities(folders: tuple[Path, Path], val: Samples) -> None:
    detector = Detector.load(folders[1])
    probabilities = detector.score(val.pixels).probability
    assert detector.card.training["quantised"] == "int8"
    assert detector.card.band[1] in [*probabilities.astype(float), detector.card.threshold]
    assert detector.card.onnx_sha256 != artifact.read(folders[0]).onnx_sha256


def test_only_the_backbone_is_quantised(folders: tuple[Path, Path]) -> None:
    graph = onnx.load(folders[1] / artifact.MODEL).graph
    floating = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    assert {"network.head.hidden.weight", "network.head.output.weight"} <= floating
    assert not any(name.startswith("network.backbone") and name.endswith(".weight") for name in floating)


def test_a_variant_is_worth_it_when_most_images_are_faster_by_the_margin() -> None:
    times = np.array([0.010, 0.012, 0.020])
    assert judge_speed(times, times / (1 + MARGIN)).worth
    assert not judge_speed(times, times / (1 + MARGIN / 2)).worth
    assert judge_speed(times, times / [0.5, 2.0, 2.0]).worth
    assert "0.50 times as fast" in str(judge_speed(times, times * 2))
