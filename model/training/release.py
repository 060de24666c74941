"""From a trained network to an artifact folder: calibrate on validation, export, write card and golden arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

from model import artifact
from model.artifact import Card, Golden
from model.calibration import choose_threshold, conformal_band, fit_temperature, operating_points
from model.labels import CLASSES
from model.training.config import TrainConfig
from model.training.export import ReleasedNetwork, export
from model.training.fit import predict_logits
from model.training.network import Network
from model.training.pixels import Samples

_GOLDEN_IMAGES = 16
_HISTOGRAM_BINS = 20


def release(
    network: Network,
    val: Samples,
    config: TrainConfig,
    *,
    name: str,
    dataset_version: str,
    git_revision: str,
    metrics: Mapping[str, object],
    folder: Path,
) -> Card:
    """Write the artifact of a trained network into `folder` and return its card."""
    network.cpu()
    logits = predict_logits(network, val)
    labels = val.labels.astype(np.int64)
    temperature = fit_temperature(logits, labels)
    probabilities = expit(logits / temperature)
    band = conformal_band(probabilities, labels)
    released = ReleasedNetwork(network, temperature=temperature)
    size = val.pixels.shape[1]
    model = export(released, size=size)
    card = Card(
        name=name,
        preprocess={"size": size},
        threshold=float(np.clip(choose_threshold(probabilities, labels), *band)),  # outside, the band promises nothing
        operating_points={str(rate): point for rate, point in operating_points(probabilities, labels).items()},
        band=band,
        classes=CLASSES,
        metrics=metrics,
        reference={"probability_histogram": np.histogram(probabilities, _HISTOGRAM_BINS, (0, 1))[0].tolist()},
        dataset_version=dataset_version,
        git_revision=git_revision,
        training=config.flat() | {"temperature": temperature},
        onnx_sha256=artifact.sha256(model),
    )
    artifact.write(folder, model=model, card=card, golden=_golden(released, val))
    return card


def _golden(released: ReleasedNetwork, val: Samples) -> Golden:
    """Compute golden outputs with torch, so that loading the artifact also proves the export right."""
    picked = np.linspace(0, len(val.labels) - 1, min(_GOLDEN_IMAGES, len(val.labels))).astype(int)
    pixels = np.array(val.pixels[picked])
    with torch.inference_mode():
        probability, cam = released(torch.from_numpy(pixels))
    return Golden(pixels, probability.numpy(), cam.numpy())
