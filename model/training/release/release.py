"""Writes the artifact of a trained network: ONNX graph, calibration, reference and golden outputs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from model.detectors import artifact
from model.detectors.artifact import Card, Golden
from model.detectors.calibration import calibrate, fit_temperature
from model.detectors.reference import choose_images, make_reference, pack_reference
from model.labels import CLASSES
from model.metrics import Labels, Probabilities
from model.training.config import TrainConfig
from model.training.data.batches import evaluation_batches, normalise
from model.training.data.samples import Samples
from model.training.network.network import Network
from model.training.release.export import ReleasedNetwork, export
from model.training.release.whitening import fit_whitening

_BATCH = 256
_GOLDEN_IMAGES = 16


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
    """Write the artifact of a trained network into `folder` and return its card.

    Calibration and reference come from the validation images `val`. `metrics` become part of the card.
    """
    network.cpu()
    chosen = choose_images(val.groups)
    logits, pooled = _observe(network, val, chosen)
    labels = val.labels.astype(np.int64)
    temperature = fit_temperature(logits, labels)
    probabilities = expit(logits / temperature)
    whitening = fit_whitening(pooled)
    released = ReleasedNetwork(network, temperature=temperature, whitening=whitening)
    size = val.pixels.shape[1]
    model = export(released, size=size)
    reference = refer(val, chosen, probabilities, whitening(pooled))
    card = Card(
        name=name,
        preprocess={"size": size},
        classes=CLASSES,
        metrics=metrics,
        dataset_version=dataset_version,
        git_revision=git_revision,
        training=config.flat() | {"temperature": temperature},
        onnx_sha256=artifact.sha256(model),
        **calibrated_fields(probabilities, labels, reference),
    )
    artifact.write(folder, model=model, card=card, golden=_golden(released, val), reference=reference)
    return card


def refer(
    val: Samples, chosen: NDArray[np.intp], probabilities: Probabilities, embedding: NDArray[np.float32] | None
) -> bytes:
    """Pack the reference of the `chosen` images [n].

    `probabilities` [N] are those of all validation images, `embedding` [n, d] is that of the chosen images.
    """
    files, label = val.files.iloc[chosen], val.labels[chosen]
    return pack_reference(make_reference(files, label=label, probability=probabilities[chosen], embedding=embedding))


def calibrated_fields(probabilities: Probabilities, labels: Labels, reference: bytes) -> dict[str, Any]:
    """Return the card's threshold, operating points, band, alpha and reference hash, from the validation images [N]."""
    limits = calibrate(probabilities, labels)
    return {
        "threshold": limits.threshold,
        "operating_points": {str(rate): point for rate, point in limits.operating_points.items()},
        "band": limits.band,
        "alpha": limits.alpha,
        "reference": {"sha256": artifact.sha256(reference)},
    }


def spread(samples: Samples, most: int) -> NDArray[np.uint8]:
    """Return copies of at most `most` images [n, S, S, 3], evenly spaced from the first to the last."""
    count = len(samples.labels)
    return np.array(samples.pixels[np.linspace(0, count - 1, min(most, count)).astype(int)])


def _observe(
    network: Network, val: Samples, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the logits [N] of all images and the pooled features [n, C] of the chosen images.

    The features of all images could take gigabytes.
    """
    wanted = np.isin(np.arange(len(val.labels)), chosen)
    logits, pooled = [], []
    network.eval()
    with torch.inference_mode():
        for number, pixels in enumerate(evaluation_batches(val, batch_size=_BATCH)):
            features = network.pool(normalise(pixels))
            logits.append(network.classify(features).numpy())
            pooled.append(features.numpy()[wanted[number * _BATCH :][: len(features)]])
    return np.concatenate(logits), np.concatenate(pooled)


def _golden(released: ReleasedNetwork, val: Samples) -> Golden:
    """Compute golden outputs with torch, so that loading the artifact checks the export, too."""
    pixels = spread(val, _GOLDEN_IMAGES)
    with torch.inference_mode():
        probability, cam, embedding = released(torch.from_numpy(pixels))
    return Golden(pixels, probability.numpy(), cam.numpy(), embedding.numpy())
