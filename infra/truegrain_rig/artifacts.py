"""Untrained detectors and a photograph, for measurements of serving."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from model.detectors.detector import Detector
from model.images.decoding import decode
from model.labels import CLASSES
from model.sources.synthetic import Order, draw_images

PHOTO: Final = (400, 533)
"""Width and height of the small photograph: about 26 kB."""

MEGAPIXEL_PHOTO: Final = (1_200, 900)
"""Width and height of a photograph of a megapixel, about 400 kB."""

PHONE_PHOTO: Final = (4032, 3024)
"""Width and height of a photograph as a telephone takes it: 12 megapixels, about 3 MB."""

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
    release(network, val, val, config, name="bench", dataset_version="", git_revision="", metrics={}, folder=folder)
    return folder


def draw_photo(path: Path) -> Path:
    """Write a small JPEG of quality 83 with the detail and the grain of a photograph, and return its path."""
    return _draw(path, PHOTO, grain=_GRAIN, quality=83)


def draw_phone_photo(path: Path) -> Path:
    """Write a JPEG of 12 megapixels with the grain of a photograph, and return its path."""
    return _draw(path, PHONE_PHOTO, grain=_GRAIN, quality=94)


def draw_megapixel_photos(folder: Path, count: int) -> None:
    """Write JPEG files of a megapixel with the grain of a photograph, into folders called real and ai."""
    for number in range(count):
        path = folder / CLASSES[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        _draw(path, MEGAPIXEL_PHOTO, grain=_GRAIN, quality=90, seed=number)


def _draw(path: Path, size: tuple[int, int], *, grain: float, quality: int, seed: int = 0) -> Path:
    [image] = draw_images(Order(images=1, seed=seed))
    enlarged = np.asarray(decode(image.data).rgb.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, grain, enlarged.shape)
    Image.fromarray((enlarged + noise).clip(0, 255).astype(np.uint8)).save(path, quality=quality)
    return path


def judge(detector: Detector, photo: bytes) -> float:
    """Return the probability of AI by decoding, preprocessing and scoring alone."""
    pixels = detector.preprocess.read(photo)
    return float(detector.score(pixels[np.newaxis]).probability[0])
