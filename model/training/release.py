"""From a trained network to an artifact folder: calibrate on validation, export, write card and golden arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from model import artifact
from model.artifact import Card, Golden
from model.calibration import calibrate, fit_temperature
from model.labels import CLASSES
from model.metrics import Labels, Probabilities
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
    released = ReleasedNetwork(network, temperature=temperature)
    size = val.pixels.shape[1]
    model = export(released, size=size)
    card = Card(
        name=name,
        preprocess={"size": size},
        classes=CLASSES,
        metrics=metrics,
        dataset_version=dataset_version,
        git_revision=git_revision,
        training=config.flat() | {"temperature": temperature},
        onnx_sha256=artifact.sha256(model),
        **calibrated_fields(expit(logits / temperature), labels),
    )
    artifact.write(folder, model=model, card=card, golden=_golden(released, val))
    return card


def calibrated_fields(probabilities: Probabilities, labels: Labels) -> dict[str, Any]:
    """Return those fields of a card that follow from the probabilities [N] of the validation images."""
    limits = calibrate(probabilities, labels)
    return {
        "threshold": limits.threshold,
        "operating_points": {str(rate): point for rate, point in limits.operating_points.items()},
        "band": limits.band,
        "alpha": limits.alpha,
        "reference": {"probability_histogram": np.histogram(probabilities, _HISTOGRAM_BINS, (0, 1))[0].tolist()},
    }


def spread(samples: Samples, most: int) -> NDArray[np.uint8]:
    """Copy at most `most` images [n, S, S, 3], at even distances from the first to the last."""
    count = len(samples.labels)
    return np.array(samples.pixels[np.linspace(0, count - 1, min(most, count)).astype(int)])


def _golden(released: ReleasedNetwork, val: Samples) -> Golden:
    """Compute golden outputs with torch, so that loading the artifact also proves the export right."""
    pixels = spread(val, _GOLDEN_IMAGES)
    with torch.inference_mode():
        probability, cam = released(torch.from_numpy(pixels))
    return Golden(pixels, probability.numpy(), cam.numpy())
