"""Untrained detectors and a photograph, for measurements of serving."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from model.detectors.detector import Detector
from model.images.decoding import decode
from model.sources.synthetic import Order, draw_images

PHOTO: Final = (400, 533)
"""Width and height of the photograph."""

_GRAIN: Final = 4.0
"""Standard deviation of the photograph's noise, in levels of 256; without noise a JPEG decodes too easily."""


def untrained(recipe: str, folder: Path, *, seed: int = 0) -> Path:
    """Write the artifact of a recipe's network with random weights into `folder`; return `folder`."""
    import torch  # imported here, since it takes seconds

    from model.training.config import read_config
    from model.training.data.samples import Samples
    from model.training.network.network import build_network
    from model.training.release.release import release

    torch.manual_seed(seed)
    config = read_config(recipe, {"pretrained": "never"})
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (64, config.size, config.size, 3), dtype=np.uint8)
    val = Samples(pixels, (np.arange(64) % 2).astype(np.float32))
    network = build_network(config, size=config.size, pretrained_file="")
    release(network, val, config, name="bench", dataset_version="", git_revision="", metrics={}, folder=folder)
    return folder


def draw_photo(path: Path) -> Path:
    """Write a JPEG of quality 90 with the detail and the grain of a photograph, and return its path."""
    [image] = draw_images(Order(images=1))
    enlarged = decode(image.data).rgb.resize(PHOTO, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, _GRAIN, (PHOTO[1], PHOTO[0], 3))
    Image.fromarray((np.asarray(enlarged) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return path


def judge(detector: Detector, photo: bytes) -> float:
    """Return the probability of AI by decoding, preprocessing and scoring alone."""
    pixels = detector.preprocess(decode(photo).rgb)
    return float(detector.score(pixels[np.newaxis]).probability[0])
