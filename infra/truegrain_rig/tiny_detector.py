"""A tiny detector, built by hand and not trained: it calls bright images AI."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from model.detectors import artifact
from model.detectors.artifact import Card, Golden
from model.detectors.domain import Domain
from model.detectors.training_data import TrainingData
from model.images.preprocess import Preprocess
from model.labels import CLASSES

SIZE: Final = 32
"""Side of an input in pixels."""
CELL: Final = 8
"""Pixels of a side of the square that one value of the map covers."""
SPREAD: Final = 0.25
"""Approximate standard deviation of the brightness of ordinary images."""


EVERYTHING: Final = Domain(limit=1.0, share=0.01)
"""A domain that holds every image, since no distance is larger."""


def write_tiny(
    folder: Path,
    *,
    bias: float = 0.0,
    dataset_version: str = "20260105-0123456789ab",
    reference: bytes | None = None,
    trained_on: TrainingData | None = None,
    domain: Domain | None = EVERYTHING,
) -> Path:
    """Write the artifact of the tiny detector into `folder` and return the folder.

    A larger `bias` moves every probability toward AI. The graph's distance is how colourful an image is, from 0 to 1:
    its largest channel minus its smallest one, on average.
    """
    model = build_tiny_onnx(bias)
    card = Card(
        name="ai-image-detector",
        preprocess=Preprocess(SIZE),
        threshold=0.5,
        operating_points={"0.01": 0.9, "0.05": 0.8},
        operating_bounds={"0.01": 0.03, "0.05": 0.09},
        calibrated_on={"real": 150, "ai": 150},
        band=(0.45, 0.55),
        alpha=0.05,
        classes=CLASSES,
        metrics={},
        reference={} if reference is None else {"sha256": artifact.sha256(reference)},
        dataset_version=dataset_version,
        git_revision="0" * 40,
        training={"recipe": "tiny"},
        onnx_sha256=artifact.sha256(model),
        trained_on=trained_on,
        domain=domain,
    )
    artifact.write(folder, model=model, card=card, golden=compute_golden(bias), reference=reference)
    return folder


def build_tiny_onnx(bias: float) -> bytes:
    """Return a graph that calls bright images AI: probability = sigmoid(10 (mean brightness - 0.5) + bias).

    Its embedding [n, 8] holds the brightness of the halves of four rows.
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
        helper.make_node("AveragePool", ["plane"], ["cells"], kernel_shape=[CELL] * 2, strides=[CELL] * 2),
        helper.make_node("Squeeze", ["cells", "one"], ["cam"]),
        helper.make_node("AveragePool", ["cells"], ["halves"], kernel_shape=[1, 2], strides=[1, 2]),
        helper.make_node("Flatten", ["halves"], ["flat"]),
        helper.make_node("Sub", ["flat", "half"], ["moved"]),
        helper.make_node("Div", ["moved", "spread"], ["embedding"]),
        helper.make_node("ReduceMax", ["light", "channel"], ["brightest"], keepdims=0),
        helper.make_node("ReduceMin", ["light", "channel"], ["darkest"], keepdims=0),
        helper.make_node("Sub", ["brightest", "darkest"], ["colourfulness"]),
        helper.make_node("ReduceMean", ["colourfulness", "places"], ["distance"], keepdims=0),
    ]
    floats = {"white": 255.0, "half": 0.5, "gain": 10.0, "bias": bias, "spread": SPREAD}
    axes = {"all_axes": [1, 2, 3], "channel": [3], "one": [1], "places": [1, 2]}
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in floats.items()]
    constants += [helper.make_tensor(name, TensorProto.INT64, [len(axis)], axis) for name, axis in axes.items()]
    cells = SIZE // CELL
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", cells, cells]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2 * cells]),
            helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def compute_golden(bias: float) -> Golden:
    """Return inputs from black to white, and the outputs of the tiny graph, computed without the graph."""
    random = np.random.default_rng(7)
    ceilings = np.array([16, 128, 192, 256])[:, None, None, None]
    return answer(random.integers(0, ceilings, (4, SIZE, SIZE, 3), dtype=np.uint8), bias)


def answer(pixels: NDArray[np.uint8], bias: float) -> Golden:
    """Return the tiny graph's outputs for pixels [n, 32, 32, 3] uint8, computed by NumPy."""
    light = pixels / 255
    cells = SIZE // CELL
    cam = light.mean(3).reshape(-1, cells, CELL, cells, CELL).mean((2, 4)).astype(np.float32)
    return Golden(
        pixels=pixels,
        probability=(1 / (1 + np.exp(-10 * (light.mean((1, 2, 3)) - 0.5) - bias))).astype(np.float32),
        cam=cam,
        embedding=(cam.reshape(len(cam), -1, 2).mean(2) - 0.5) / np.float32(SPREAD),
        distance=(light.max(3) - light.min(3)).mean((1, 2)).astype(np.float32),
    )
