"""Makes the int8 variant of an artifact: the backbone in 8-bit integers, calibrated separately."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from model.detectors import artifact
from model.detectors.artifact import Golden
from model.detectors.detector import Scores, open_session, score
from model.detectors.domain import Domain, calibrate_domain
from model.detectors.reference import choose_images
from model.training.data.samples import Samples
from model.training.release.release import calibrated_fields, refer, spread

MARGIN = 0.2
"""How much faster the variant must be to be offered, as a share. A second detector must pay for its upkeep."""
_OPERATORS = frozenset({"Conv", "Add", "AveragePool", "MaxPool"})
"""The operators that are quantised.

Matrix products are not: in vision transformers 8 bits saved no time and degraded the activation maps."""
_CALIBRATION_IMAGES = 256
_BATCH = 64
_WARM_UP = 10
_PAIRS = 100


@dataclass(frozen=True)
class Speed:
    """How many times as fast the int8 variant is (one image at a time, one thread), and whether that is enough."""

    ratio: float
    worth: bool

    def __str__(self) -> str:
        verdict = "on offer" if self.worth else "not on offer"
        return f"int8 is {self.ratio:.2f} times as fast; {1 + MARGIN} times is required: {verdict}"


def release_int8(full: Path, val: Samples, *, folder: Path) -> Speed:
    """Write the int8 variant of the artifact in `full` into `folder`, and compare the speed of both.

    Scaling and whitening are part of the graph and stay the same. Threshold, operating points, band and reference
    are computed anew from the variant's scores of the validation images. Its golden outputs are computed here, with
    onnxruntime.
    """
    made = artifact.load(full)
    model = quantise(made.model, spread(val, _CALIBRATION_IMAGES))
    session = open_session(model, threads=os.cpu_count() or 1)
    starts = range(0, len(val.labels), _BATCH)
    scores = Scores.join([score(session, val.pixels[i : i + _BATCH]) for i in starts])
    probabilities, chosen = scores.probability.astype(np.float64), choose_images(val.groups)
    reference = refer(val, chosen, probabilities, None if scores.embedding is None else scores.embedding[chosen])
    card = replace(
        made.card,
        domain=_calibrate(made.card.domain, scores),
        training=dict(made.card.training) | {"quantised": "int8"},
        onnx_sha256=artifact.sha256(model),
        **calibrated_fields(probabilities, val, reference),
    )
    pixels = made.golden.pixels
    golden = Golden(pixels, **vars(score(session, pixels)))
    artifact.write(folder, model=model, card=card, golden=golden, reference=reference)
    alone = [open_session(graph, threads=1) for graph in (made.model, model)]
    return judge_speed(*_time_in_turns(alone, pixels))


def _calibrate(domain: Domain | None, scores: Scores) -> Domain | None:
    if domain is None or scores.distance is None:
        return None
    return calibrate_domain(scores.distance, share=domain.share)


def quantise(model: bytes, pixels: NDArray[np.uint8]) -> bytes:
    """Return the graph with its backbone in 8-bit integers; `pixels` [N, S, S, 3] uint8 calibrate the activations.

    The quantisation is static, with one scale for each channel of the weights (Jacob et al., 2018, arXiv 1712.05877).
    Normalisation, pooling, head, map and sigmoid stay in float32.
    """
    proto = onnx.load_from_string(model)
    add_pre_process_metadata(proto)  # marks the graph as preprocessed: torch's exporter has done that already
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_static(
            proto,
            path,
            _Images(pixels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Weights of 7 bits: with 8 bits, sums overflow on processors without VNNI, and golden outputs would differ
            reduce_range=True,
            op_types_to_quantize=sorted(_OPERATORS),
            nodes_to_quantize=[node.name for node in proto.graph.node if _is_in_backbone(node)],
        )
        return path.read_bytes()


def judge_speed(full: Sequence[float], int8: Sequence[float]) -> Speed:
    """Compare the times [n] of the same images by the median of their ratios."""
    ratio = float(np.median(np.divide(full, int8)))
    return Speed(ratio, ratio >= 1 + MARGIN)


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Gives images one by one to onnxruntime, which records the range of each activation."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._images = iter(pixels)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        image = next(self._images, None)
        return None if image is None else {"pixels": image[np.newaxis]}


def _is_in_backbone(node: onnx.NodeProto) -> bool:
    """Tell whether a node is quantised, by the module names that torch's exporter wrote to it."""
    scopes = next((p.value for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"), "")
    return node.op_type in _OPERATORS and "'network.backbone'" in scopes


def _time_in_turns(
    sessions: Sequence[onnxruntime.InferenceSession], pixels: NDArray[np.uint8]
) -> tuple[list[float], ...]:
    """Return the seconds of each image, for each session. The sessions take turns, so other load slows all alike."""
    times: tuple[list[float], ...] = tuple([] for _ in sessions)
    for number in range(_WARM_UP + _PAIRS):
        image = pixels[number % len(pixels)][np.newaxis]
        for session, taken in zip(sessions, times, strict=True):
            start = time.perf_counter()
            score(session, image)
            taken.append(time.perf_counter() - start)
    return tuple(taken[_WARM_UP:] for taken in times)
