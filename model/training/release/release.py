"""Writes the artifact of a trained network: ONNX graph, calibration, reference and golden outputs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from model.detectors import artifact
from model.detectors.artifact import Card, Golden
from model.detectors.calibration import calibrate, fit_scaling
from model.detectors.domain import calibrate_domain
from model.detectors.reference import choose_images, make_reference, pack_reference
from model.detectors.training_data import TrainingData
from model.images.preprocess import Preprocess
from model.labels import CLASSES
from model.metrics import Probabilities
from model.training.config import TrainConfig
from model.training.data.samples import Samples
from model.training.network.network import Network
from model.training.release.export import ReleasedNetwork, export
from model.training.release.whitening import Whitening, fit_whitening

MOST_FITTED: Final = 5_000
"""Most training images whose features are measured: many for 32 axes, and all of a large data set would take long."""

_BATCH = 256
_GOLDEN_IMAGES = 16


def release(
    network: Network,
    train: Samples,
    val: Samples,
    config: TrainConfig,
    *,
    name: str,
    dataset_version: str,
    git_revision: str,
    metrics: Mapping[str, object],
    folder: Path,
    trained_on: TrainingData | None = None,
) -> Card:
    """Write the artifact of a trained network into `folder` and return its card.

    Calibration and reference come from the validation images `val`. Some of the training images `train` tell where
    features lie: images of `val` would then lie too near. `metrics` and `trained_on` become part of the card.
    """
    network.cpu()
    chosen = choose_images(val.groups)
    whitening = fit_whitening(_pool_some(network, train))
    logits, distances, embedding = _observe(network, val, whitening)
    labels = val.labels.astype(np.int64)
    alone = val.independent
    scaling = fit_scaling(logits[alone], labels[alone])
    probabilities = scaling(logits)
    released = ReleasedNetwork(network, scaling=scaling, whitening=whitening)
    size = val.pixels.shape[1]
    model = export(released, size=size)
    reference = refer(val, chosen, probabilities, embedding[chosen])
    card = Card(
        name=name,
        preprocess=Preprocess(size),
        classes=CLASSES,
        metrics=metrics,
        dataset_version=dataset_version,
        git_revision=git_revision,
        training=config.flat() | {"temperature": 1 / scaling.slope, "intercept": scaling.intercept},
        onnx_sha256=artifact.sha256(model),
        trained_on=trained_on,
        domain=calibrate_domain(distances, share=config.outside_share),
        **calibrated_fields(probabilities, val, reference),
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


def calibrated_fields(probabilities: Probabilities, val: Samples, reference: bytes) -> dict[str, Any]:
    """Return what a card says of its calibration, and the hash of `reference`.

    `probabilities` [N] are those of the validation images. One image of each cluster counts.
    """
    alone = val.independent
    labels = val.labels[alone].astype(np.int64)
    limits = calibrate(probabilities[alone], labels, groups=val.groups[alone])
    points = {str(rate): point for rate, point in limits.operating_points.items()}
    return {
        "threshold": limits.threshold,
        "operating_points": {rate: point.threshold for rate, point in points.items()},
        "operating_bounds": {rate: point.bound for rate, point in points.items()},
        "calibrated_on": {name: int(np.sum(labels == number)) for number, name in enumerate(CLASSES)},
        "band": limits.band,
        "alpha": limits.alpha,
        "reference": {"sha256": artifact.sha256(reference)},
    }


def spread(samples: Samples, most: int) -> NDArray[np.uint8]:
    """Return copies of at most `most` images [n, S, S, 3], evenly spaced from the first to the last."""
    count = len(samples.labels)
    return np.array(samples.pixels[np.linspace(0, count - 1, min(most, count)).astype(int)])


def _observe(
    network: Network, val: Samples, whitening: Whitening
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the logits [N], the distances [N] and the embeddings [N, d] of all images.

    Batch by batch, since the features of all images could take gigabytes.
    """
    logits, distances, embeddings = [], [], []
    for pooled in _pool(network, val, np.arange(len(val.labels))):
        with torch.inference_mode():
            logits.append(network.head(torch.from_numpy(pooled)).numpy())
        distances.append(whitening.measure(pooled))
        embeddings.append(whitening(pooled))
    return np.concatenate(logits), np.concatenate(distances), np.concatenate(embeddings)


def _pool_some(network: Network, train: Samples) -> NDArray[np.float32]:
    """Return the pooled features [n, C] of at most MOST_FITTED training images, in proportion to their groups."""
    return np.concatenate(list(_pool(network, train, choose_images(train.groups, most=MOST_FITTED))))


def _pool(network: Network, samples: Samples, chosen: NDArray[np.intp]) -> Iterator[NDArray[np.float32]]:
    """Yield the pooled features [n, C] of the `chosen` images in batches; those of a frozen encoder are known."""
    network.eval()
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        if samples.pooled is not None:
            yield samples.pooled[batch]
            continue
        with torch.inference_mode():
            yield network.pool(network.normalise(torch.from_numpy(samples.pixels[batch]))).numpy()


def _golden(released: ReleasedNetwork, val: Samples) -> Golden:
    """Compute golden outputs with torch, so that loading the artifact checks the export, too."""
    pixels = spread(val, _GOLDEN_IMAGES)
    with torch.inference_mode():
        outputs = released(torch.from_numpy(pixels))
    return Golden(pixels, *(output.numpy() for output in outputs))
