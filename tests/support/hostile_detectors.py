"""Hostile detectors: complete, unaltered artifacts whose graphs compute endlessly or take all memory."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from model.detectors import artifact

SIZE = 32


def make_endless(folder: Path) -> Path:
    """Give the tiny artifact in `folder` a graph of a few hundred bytes that computes for years; return `folder`."""
    return _write_around(_build_loop(2**62), folder)


def make_hungry(folder: Path) -> Path:
    """Give the tiny artifact in `folder` a graph that makes an array of 80 GB; return `folder`."""
    return _write_around(_build_hunger(20_000_000_000), folder)


def _write_around(model: bytes, folder: Path) -> Path:
    card = json.loads((folder / artifact.CARD).read_text()) | {"onnx_sha256": artifact.sha256(model)}
    (folder / artifact.MODEL).write_bytes(model)
    (folder / artifact.CARD).write_text(json.dumps(card))
    pixels = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    np.savez(folder / artifact.GOLDEN, pixels=pixels, probability=pixels[:, 0, 0, 0] * 1.0, cam=pixels[..., 0] * 1.0)
    return folder


def _build_loop(rounds: int) -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["going_on"]), helper.make_node("Cos", ["before"], ["after"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("going_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    rounds_ = helper.make_tensor("rounds", TensorProto.INT64, [], [rounds])
    return _build([helper.make_node("Loop", ["rounds", "", "mean"], ["probability"], body=body)], rounds_)


def _build_hunger(values: int) -> bytes:
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [values])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["many"]),
        helper.make_node("ReduceMax", ["many"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["mean", "largest"], ["probability"]),
    ]
    return _build(nodes, shape)


def _build(nodes: list[Any], *constants: Any) -> bytes:
    """Return a graph whose nodes compute `probability` from `mean`."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pixels"], ["levels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["levels", "axes"], ["mean"], keepdims=0),
            *nodes,
            helper.make_node("ReduceMean", ["levels", "channel"], ["cam"], keepdims=0),
        ],
        "hostile",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("cam", TensorProto.FLOAT, ["n", SIZE, SIZE]),
        ],
        [
            helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
            helper.make_tensor("channel", TensorProto.INT64, [1], [3]),
            *constants,
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())
