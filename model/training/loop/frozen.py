"""Trains the head of a frozen encoder: the features of each image are computed once and kept in the lake."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model.dataset.features import FeatureStore
from model.dataset.lake import Lake
from model.images.preprocess import VERSIONS as PREPROCESS_VERSIONS
from model.training.config import Augmentation, TrainConfig
from model.training.data.augment import augment
from model.training.data.draws import Luck, draw_luck
from model.training.data.samples import Samples
from model.training.distributed import ALONE
from model.training.loop.checkpoint import Progress
from model.training.loop.fit import Epoch, fit
from model.training.network.network import Network

_AT_ONCE: Final = 32
"""Images that the encoder sees in one batch."""
_KEPT_AT_ONCE: Final = 512
"""Images after which features are stored, so that a training that is killed does not compute them again."""


def encode(network: Network, samples: Samples, config: TrainConfig, *, lake: Lake) -> Samples:
    """Return `samples` with the features of their images as `pooled`; only what the lake lacks is computed.

    Raises StorageFull if the lake has no room.
    """
    return replace(samples, pooled=_features(network, samples, config, lake=lake, copy=0))


def fit_head(
    network: Network,
    train: Samples,
    val: Samples,
    config: TrainConfig,
    *,
    lake: Lake,
    folder: Path,
    report: Callable[[Epoch], None],
) -> Progress:
    """Train the head of `network` in place on encoded images, and on `config.copies` augmented copies of `train`.

    Copy k of an image is always augmented in the same way, whatever other images there are. Raises errors as
    `model.training.loop.fit.fit` does.
    """
    copies = [_features(network, train, config, lake=lake, copy=copy) for copy in range(1, config.copies + 1)]
    seen, unseen = _of_features(train, copies), _of_features(val, [])
    return fit(network.head, seen, unseen, replace(config, augmentation=Augmentation()), folder=folder, report=report)


def _of_features(samples: Samples, copies: Sequence[NDArray[np.float32]]) -> Samples:
    """Return what a head learns from: the features of encoded `samples`, and those of their copies, as its input."""
    assert samples.pooled is not None  # noqa: S101 - `encode` returned them
    times = 1 + len(copies)
    return Samples(
        np.concatenate([samples.pooled, *copies]),
        np.tile(samples.labels, times),
        np.tile(samples.groups, times),
        samples.files.take(np.tile(np.arange(len(samples.files)), times)),
        np.tile(samples.clusters, times),
    )


def _features(network: Network, samples: Samples, config: TrainConfig, *, lake: Lake, copy: int) -> NDArray[np.float32]:
    """Return the features [N, C] of the images (`copy` 0) or of an augmented copy."""
    store = FeatureStore(lake, _name(network, samples, config, copy))
    features, known = store.read(samples.ids)
    missing = np.flatnonzero(~known)
    for start in range(0, len(missing), _KEPT_AT_ONCE):
        some = missing[start : start + _KEPT_AT_ONCE]
        computed = _compute(network, samples, some, config, copy=copy)
        store.add(samples.ids[some], computed)
        if not features.shape[1]:
            features = np.zeros((len(samples.ids), computed.shape[1]), np.float32)
        features[some] = computed
        print(f"features of copy {copy}: {start + len(some):,} of {len(missing):,} images", flush=True)
    return features


def _compute(
    network: Network, samples: Samples, chosen: NDArray[np.intp], config: TrainConfig, *, copy: int
) -> NDArray[np.float32]:
    device = ALONE.device
    network.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # missing in stubs
    pooled = []
    for start in range(0, len(chosen), _AT_ONCE):
        batch = chosen[start : start + _AT_ONCE]
        pixels = np.array(samples.pixels[batch])
        if copy:
            luck = np.concatenate([_luck(image, config.seed, copy) for image in samples.ids[batch]])
            pixels, _ = augment(pixels, samples.labels[batch], luck, config.augmentation)
        with torch.inference_mode():
            pooled.append(network.pool(network.normalise(torch.from_numpy(pixels).to(device))).cpu().numpy())
    return np.concatenate(pooled)


def _luck(image: str, seed: int, copy: int) -> Luck:
    """Draw the random numbers [1, len(Of)] of one copy of an image."""
    return draw_luck(1, np.random.default_rng([seed, copy, int(image, 16)]))


def _name(network: Network, samples: Samples, config: TrainConfig, copy: int) -> str:
    """Name an encoder and what it sees: its weights, its shape, how images become its input, a copy's augmentation."""
    seen = {
        "backbone": config.backbone,
        "smallest_map": config.smallest_map,
        "widths": config.widths,
        "mirrored": config.mirrored,
        "pixels": samples.pixels.shape[1:],
        "preprocess": PREPROCESS_VERSIONS[-1],
        "augmentation": asdict(config.augmentation if copy else Augmentation()),
        "seed": config.seed if copy else 0,
    }
    digest = hashlib.sha256(json.dumps(seen, sort_keys=True).encode())
    for name, tensor in sorted(network.backbone.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return f"{digest.hexdigest()[:16]}-{copy}"
