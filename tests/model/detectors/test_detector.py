import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from PIL import Image

from model.detectors import artifact
from model.detectors.artifact import Golden
from model.detectors.detector import TOLERANCE, Detector, Scores
from model.errors import ArtifactError

Write = Callable[..., Path]


def replace_model(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Alter the graph and update its hash, as an attacker could who can write the whole folder."""
    good = artifact.load(folder)
    proto = onnx.load_from_string(good.model)
    change(proto)
    model = proto.SerializeToString()
    artifact.write(folder, model=model, card=replace(good.card, onnx_sha256=artifact.sha256(model)), golden=good.golden)


def replace_golden(folder: Path, change: Callable[[Golden], Golden]) -> None:
    good = artifact.load(folder)
    artifact.write(folder, model=good.model, card=good.card, golden=change(good.golden))


def test_a_dark_image_is_real_and_a_bright_one_ai(tiny_artifact: Write) -> None:
    detector = Detector.load(tiny_artifact())
    dark, bright = (detector.preprocess(Image.new("RGB", (90, 60), (level,) * 3)) for level in (10, 245))
    scores = detector.score(np.stack([dark, bright]))
    assert scores.probability[0] < 0.05 < 0.95 < scores.probability[1]
    assert scores.probability.dtype == scores.cam.dtype == np.float32
    assert scores.cam.shape == (2, 4, 4)
    assert scores.embedding is not None
    assert scores.embedding.shape == (2, 8)


def test_an_image_scores_the_same_alone_and_in_a_batch(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    pixels = artifact.load(folder).golden.pixels
    detector = Detector.load(folder)
    together = detector.score(pixels).probability
    alone = np.concatenate([detector.score(image[np.newaxis]).probability for image in pixels])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_two_artifacts_of_different_bias_answer_differently(tiny_artifact: Write) -> None:
    pixels = np.full((1, 32, 32, 3), 127, np.uint8)
    low, high = (Detector.load(tiny_artifact(bias)).score(pixels).probability[0] for bias in (-2.0, 2.0))
    assert low < 0.2 < 0.8 < high


def test_a_detector_knows_how_large_its_graph_is(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    assert Detector.load(folder).size_bytes == (folder / artifact.MODEL).stat().st_size


def test_an_artifact_that_misses_its_golden_probability_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_golden(folder, lambda golden: replace(golden, probability=golden.probability + 3 * TOLERANCE))
    with pytest.raises(ArtifactError, match="output probability"):
        Detector.load(folder)


def test_an_artifact_that_misses_its_golden_map_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_golden(folder, lambda golden: replace(golden, cam=golden.cam[:, ::-1]))
    with pytest.raises(ArtifactError, match="output cam"):
        Detector.load(folder)


def test_golden_outputs_that_are_no_numbers_are_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_golden(folder, lambda golden: replace(golden, probability=np.full_like(golden.probability, np.nan)))
    with pytest.raises(ArtifactError, match="output probability"):
        Detector.load(folder)


def test_golden_images_of_another_size_than_the_card_says_are_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_golden(folder, lambda golden: replace(golden, pixels=golden.pixels[:, :16]))
    with pytest.raises(ArtifactError, match="size 32"):
        Detector.load(folder)


def test_a_graph_with_another_output_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_model(folder, lambda proto: proto.graph.output.pop(0))
    with pytest.raises(ArtifactError, match="cannot be run"):
        Detector.load(folder)


def drop_later_outputs(proto: onnx.ModelProto) -> None:
    del proto.graph.output[2:]


def test_an_artifact_of_an_earlier_release_is_served_without_embedding_and_distance(tiny_artifact: Write) -> None:
    folder = tiny_artifact(domain=None)
    pixels = artifact.load(folder).golden.pixels
    before = Detector.load(folder).score(pixels)
    replace_golden(folder, lambda golden: replace(golden, embedding=None, distance=None))
    replace_model(folder, drop_later_outputs)
    scores = Detector.load(folder).score(pixels)
    assert scores.embedding is scores.distance is None
    np.testing.assert_array_equal(scores.probability, before.probability)


@pytest.mark.parametrize(("place", "name"), [(2, "embedding"), (3, "distance")])
def test_a_graph_that_lost_an_output_is_refused(tiny_artifact: Write, place: int, name: str) -> None:
    folder = tiny_artifact()
    replace_model(folder, lambda proto: proto.graph.output.pop(place))
    with pytest.raises(ArtifactError, match=f"no output {name}"):
        Detector.load(folder)


def test_an_artifact_that_misses_its_golden_embedding_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_golden(folder, lambda golden: replace(golden, embedding=golden.embedding[:, ::-1]))
    with pytest.raises(ArtifactError, match="output embedding"):
        Detector.load(folder)


def test_a_graph_without_the_distance_that_its_card_limits_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    replace_golden(folder, lambda golden: replace(golden, embedding=None, distance=None))
    replace_model(folder, drop_later_outputs)
    with pytest.raises(ArtifactError, match="limit of the domain"):
        Detector.load(folder)


@pytest.mark.parametrize("with_embedding", [True, False])
def test_joined_batches_are_one(*, with_embedding: bool) -> None:
    embedding = np.arange(6, dtype=np.float32).reshape(3, 2) if with_embedding else None
    whole = Scores(np.float32([0.1, 0.2, 0.3]), np.zeros((3, 4, 4), np.float32), embedding, np.float32([1, 2, 3]))
    joined = Scores.join([whole.take(part) for part in (slice(1), slice(1, 3))])
    np.testing.assert_array_equal(joined.probability, whole.probability)
    np.testing.assert_array_equal(joined.cam, whole.cam)
    np.testing.assert_array_equal(joined.embedding, whole.embedding)
    np.testing.assert_array_equal(joined.distance, whole.distance)


def test_a_graph_of_a_fixed_batch_size_is_refused(tiny_artifact: Write) -> None:
    def fix_batch(proto: onnx.ModelProto) -> None:
        proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4

    folder = tiny_artifact()
    replace_model(folder, fix_batch)
    with pytest.raises(ArtifactError, match="cannot be run"):
        Detector.load(folder)


def test_a_file_that_is_no_graph_is_refused(tiny_artifact: Write) -> None:
    folder = tiny_artifact()
    good = artifact.load(folder)
    card = replace(good.card, onnx_sha256=artifact.sha256(b"no graph"))
    artifact.write(folder, model=b"no graph", card=card, golden=good.golden)
    with pytest.raises(ArtifactError, match="onnxruntime refuses"):
        Detector.load(folder)


@pytest.mark.parametrize("place", ["artifact", "working directory"])
def test_weights_outside_the_model_file_are_refused(
    tiny_artifact: Write, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def move_bias_out(proto: onnx.ModelProto) -> None:
        tensor = next(t for t in proto.graph.initializer if t.name == "bias")
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), "bias"))
        (folder / "bias.bin").write_bytes(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="bias.bin")

    folder = tiny_artifact(1.0)
    if place == "working directory":
        monkeypatch.chdir(folder)
    replace_model(folder, move_bias_out)
    with pytest.raises(ArtifactError, match="onnxruntime refuses"):
        Detector.load(folder)


def test_the_detector_needs_neither_torch_nor_onnx_nor_mlflow() -> None:
    script = (
        "import sys, model.detectors.detector; "
        "print([m for m in ('torch', 'onnx', 'mlflow', 'timm') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
