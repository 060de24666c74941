"""Measures how closely a released graph matches its network, and whether its conformal band keeps its promise."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.detectors.calibration import PROMISE, Scaling, calibrate
from model.detectors.detector import Detector
from model.images.preprocess import Preprocess
from model.labels import AI, CLASSES, REAL
from model.metrics import Labels, Probabilities
from model.sources.synthetic import Order, draw_images
from truegrain_bench.results.results import Figure

if TYPE_CHECKING:
    from model.training.data.samples import Samples
    from model.training.network.network import Network

COMMAND = "make bench"
SIDE = 32
TRAINED, CALIBRATED, COMPARED = 1200, 300, 1000
"""Images, in the order in which the built-in source draws them."""

EPOCHS = 2
SPLITS = 1000


def exported_network() -> Iterator[Figure]:
    """Train a small network, release it, and compare network and graph on images that were not trained on."""
    with tempfile.TemporaryDirectory() as folder:
        network, unseen = _train_and_release(Path(folder))
        detector = Detector.load(Path(folder))
    scores = detector.score(unseen.pixels)
    temperature, intercept = (float(detector.card.training[name]) for name in ("temperature", "intercept"))  # type: ignore[arg-type]  # a card holds any object
    probability, maps = _by_autograd(network, unseen.pixels, scaling=Scaling(1 / temperature, intercept))
    difference = float(np.abs(scores.probability - probability).max())
    correlation = float(np.corrcoef(scores.cam.ravel(), maps.ravel())[0, 1])
    error = conformal_error(scores.probability.astype(np.float64), unseen.labels.astype(np.int64))
    yield Figure("export.max_difference", difference, "", COMMAND)
    yield Figure("export.map_correlation", round(correlation, 6), "", COMMAND)
    yield Figure("detector.conformal_error", round(100 * error, 2), "%", COMMAND)
    yield Figure("detector.conformal_promise", 100 * PROMISE, "%", COMMAND)


def conformal_error(
    probabilities: Probabilities, labels: Labels, *, alpha: float = PROMISE, splits: int = SPLITS
) -> float:
    """Return the mean share of the worse class that is decided wrongly outside the band.

    Each random split calibrates on one half of the images and decides the other half. The band promises more than this
    mean: 95 of 100 splits keep to the promise.
    """
    random, wrong = np.random.default_rng(0), []
    for _ in range(splits):
        order = random.permutation(len(labels))
        known, new = np.array_split(order, 2)
        low, high = calibrate(probabilities[known], labels[known], alpha=alpha).band
        of_real, of_ai = (probabilities[new][labels[new] == label] for label in (REAL, AI))
        wrong.append(((of_real > high).mean(), (of_ai < low).mean()))
    return float(np.mean(wrong, axis=0).max())


def _train_and_release(folder: Path) -> "tuple[Network, Samples]":
    """Write the artifact into `folder`; return its network and the images that were not trained on."""
    from model.training.config import read_config  # here: torch takes seconds to import
    from model.training.data.samples import Samples
    from model.training.loop.fit import fit
    from model.training.network.network import build_network
    from model.training.release.release import release

    images = list(draw_images(Order(images=TRAINED + CALIBRATED + COMPARED, size=SIDE)))
    preprocess = Preprocess(SIDE)
    pixels = np.stack([preprocess.read(image.data) for image in images])
    labels = np.array([CLASSES.index(image.label) for image in images], np.float32)
    ends = (TRAINED, TRAINED + CALIBRATED)
    parts = zip(np.split(pixels, ends), np.split(labels, ends), strict=True)
    train, val, unseen = (Samples(*part) for part in parts)
    config = read_config("quick", {"epochs": EPOCHS, "warmup_epochs": 0.5})
    network = build_network(config, size=SIDE, pretrained_file="")
    fit(network, train, val, config, folder=folder, report=lambda _epoch: None)
    release(network, train, val, config, name="bench", dataset_version="", git_revision="", metrics={}, folder=folder)
    return network, unseen


def _by_autograd(
    network: "Network", pixels: NDArray[np.uint8], *, scaling: Scaling
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return probabilities [N] and Grad-CAM without its ReLU [N, h, w], from the backbone's output and its gradient."""
    import torch

    seen: list[torch.Tensor] = []
    hook = network.backbone.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    logits = network.eval()(network.normalise(torch.from_numpy(pixels)))
    hook.remove()
    [features] = seen
    [gradient] = torch.autograd.grad(logits.sum(), features)
    maps = (gradient.mean((2, 3), keepdim=True) * features).sum(1)
    return torch.sigmoid(logits * scaling.slope + scaling.intercept).detach().numpy(), maps.detach().numpy()
