"""What many tests need: a detector small enough to build by hand, images it can judge, and a real MLflow server."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from model.dataset.ingest import assemble, publish
from model.dataset.lake import Lake
from model.dataset.manifest import read_candidates, write_rows
from model.detectors import artifact
from model.detectors.artifact import Card, Golden
from model.detectors.reference import pack_reference
from model.detectors.traffic_sample import Reference, Sample
from model.labels import CLASSES
from model.pages.plots import Plot
from model.sources.labelled_image import LabelledImage
from support.ordinary_traffic import look_at_ordinary
from support.small_images import collect
from truegrain_rig.mlflow_server import running_mlflow

TINY_SIZE = 32
TINY_CELL = 8
TINY_REFERENCE = 200
SPREAD = 0.25
"""Standard deviation of the brightness of ordinary images, about."""


def build_tiny_onnx(bias: float) -> bytes:
    """A graph that calls bright images AI: probability = sigmoid(10 (mean brightness - 0.5) + bias).

    Its embedding [n, 8] is how bright the halves of four rows are.
    """
    nodes = [
        helper.make_node("Cast", ["pixels"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "white"], ["light"]),
        helper.make_node("ReduceMean", ["light", "all_axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
        helper.make_node("ReduceMean", ["light", "channel"], ["grey"], keepdims=0),
        helper.make_node("Unsqueeze", ["grey", "one"], ["plane"]),
        helper.make_node("AveragePool", ["plane"], ["cells"], kernel_shape=[TINY_CELL] * 2, strides=[TINY_CELL] * 2),
        helper.make_node("Squeeze", ["cells", "one"], ["cam"]),
        helper.make_node("AveragePool", ["cells"], ["halves"], kernel_shape=[1, 2], strides=[1, 2]),
        helper.make_node("Flatten", ["halves"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["moved"]),
        helper.make_node("Div", ["moved", "spread"], ["embedding"]),
    ]
    floats = {"white": 255.0, "half": 0.5, "gain": 10.0, "bias": bias, "spread": SPREAD}
    axes = {"all_axes": [1, 2, 3], "channel": [3], "one": [1]}
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in floats.items()]
    constants += [helper.make_tensor(name, TensorProto.INT64, [len(axis)], axis) for name, axis in axes.items()]
    cells = TINY_SIZE // TINY_CELL
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", TINY_SIZE, TINY_SIZE, 3])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", cells, cells]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2 * cells]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def compute_golden(bias: float) -> Golden:
    """Inputs from black to white and the outputs of the tiny graph, computed without it."""
    random = np.random.default_rng(7)
    ceilings = np.array([16, 128, 192, 256])[:, None, None, None]
    return answer(random.integers(0, ceilings, (4, TINY_SIZE, TINY_SIZE, 3), dtype=np.uint8), bias)


def compute_reference(bias: float) -> Reference:
    """What the tiny graph says of ordinary images, and labels by which it is calibrated without a bias."""
    pixels, files = look_at_ordinary(TINY_REFERENCE, seed=11, size=TINY_SIZE)
    said = answer(pixels, bias)
    sample = Sample(
        probability=said.probability.astype(np.float64),
        embedding=said.embedding,
        width=np.array([file.width for file in files]),
        height=np.array([file.height for file in files]),
        bytes=np.array([file.bytes for file in files]),
        jpeg_quality=np.array([file.jpeg_quality or np.nan for file in files]),
        format=np.array([file.format for file in files]),
    )
    is_ai = np.random.default_rng(11).random(len(files)) < answer(pixels, 0.0).probability
    return Reference(sample=sample, label=is_ai.astype(np.uint8))


def answer(pixels: NDArray[np.uint8], bias: float) -> Golden:
    """What the tiny graph says of pixels [n, 32, 32, 3]."""
    light = pixels / 255
    cells = TINY_SIZE // TINY_CELL
    cam = light.mean(3).reshape(-1, cells, TINY_CELL, cells, TINY_CELL).mean((2, 4)).astype(np.float32)
    return Golden(
        pixels=pixels,
        probability=(1 / (1 + np.exp(-10 * (light.mean((1, 2, 3)) - 0.5) - bias))).astype(np.float32),
        cam=cam,
        embedding=(cam.reshape(len(cam), -1, 2).mean(2) - 0.5) / np.float32(SPREAD),
    )


@pytest.fixture
def tiny_artifact(tmp_path: Path) -> Callable[..., Path]:
    """`tiny_artifact(bias=0.0)` writes an artifact without any training and returns its folder.

    It calls an image AI when its mean brightness is above one half; a larger bias moves every answer toward AI. Its
    reference are ordinary images (see `ordinary.draw_ordinary`).
    """

    def write_tiny(bias: float = 0.0, *, dataset_version: str = "20260105-0123456789ab") -> Path:
        model = build_tiny_onnx(bias)
        reference = pack_reference(compute_reference(bias))
        card = Card(
            name="ai-image-detector",
            preprocess={"size": TINY_SIZE},
            threshold=0.5,
            operating_points={"0.01": 0.9, "0.05": 0.8},
            band=(0.45, 0.55),
            alpha=0.05,
            classes=CLASSES,
            metrics={},
            reference={"sha256": artifact.sha256(reference)},
            dataset_version=dataset_version,
            git_revision="0" * 40,
            training={"recipe": "tiny"},
            onnx_sha256=artifact.sha256(model),
        )
        folder = tmp_path / f"tiny{bias:+g}"
        artifact.write(folder, model=model, card=card, golden=compute_golden(bias), reference=reference)
        return folder

    return write_tiny


@pytest.fixture
def brightness_dataset() -> Callable[[Lake], str]:
    """`brightness_dataset(lake)` publishes 60 test images, dark real and bright AI ones, and returns their version.

    The tiny artifact gets all of them right without a bias, and fewer the larger its bias is.
    """
    return publish_brightness


def publish_brightness(lake: Lake) -> str:
    generators: dict[int, str | None] = dict.fromkeys(range(40, 100, 2))
    generators |= {level: "glow" if level < 190 else "glare" for level in range(160, 220, 2)}
    images = [
        LabelledImage(
            data=draw_flat(level),
            label="ai" if generator else "real",
            source="flat",
            origin=str(level),
            generator=generator,
            split="test",
        )
        for level, generator in generators.items()
    ]
    collect(lake, images, now=datetime(2026, 1, 5, tzinfo=UTC))
    version = assemble(lake, today=date(2026, 1, 5))
    write_rows(lake, version, read_candidates(lake, version), name="manifest")
    (lake.version_path(version) / "validation.json").write_text('{"success": true}')
    publish(lake, version)
    return version


def draw_flat(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 48), (level,) * 3).save(file, "PNG" if level % 4 else "BMP")
    return file.getvalue()


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots of a page empty: each takes a third of a second, and most tests are about something else."""
    for module in ("dataset_plots", "report_plots", "drill_plots"):
        monkeypatch.setattr(f"model.pages.{module}.draw_plot", lambda title, text, _: Plot(title, text, "<svg></svg>"))


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    """Where pytest-httpserver listens: on a free port of this machine, by its number."""
    return "127.0.0.1", 0


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of its own, empty at first."""
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as address:
        yield address
