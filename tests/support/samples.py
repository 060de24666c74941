"""Samples of images that were never drawn: labels, probabilities, places in the embedding and files by chance."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from model.labels import AI
from model.sample import Reference, Sample

AXES = 8


def draw_reference(images: int, *, seed: int = 0, ai_share: float = 0.5) -> Reference:
    """Draw images whose probabilities are calibrated and right in about nine of ten cases, as 64-pixel JPEGs.

    The first axis of the embedding tells the classes apart.
    """
    random = np.random.default_rng(seed)
    label = (random.random(images) < ai_share).astype(np.uint8)
    evidence = random.normal(np.where(label == AI, 1.3, -1.3), 1.0)
    embedding = random.normal(size=(images, AXES)).astype(np.float32)
    embedding[:, 0] = evidence
    return Reference(sample=jpegs(expit(2.6 * evidence), embedding, random), label=label)


def jpegs(probability: NDArray[np.float64], embedding: NDArray[np.float32], random: np.random.Generator) -> Sample:
    """Put images into JPEG files of 64 pixels, with qualities from 82 to 96."""
    images = len(probability)
    quality = random.integers(82, 97, images)
    return Sample(
        probability=probability,
        embedding=embedding,
        width=np.full(images, 64),
        height=np.full(images, 64),
        bytes=(random.normal(1.0, 0.1, images) * 30 * quality).astype(np.int64),
        jpeg_quality=quality.astype(np.float64),
        format=np.full(images, "JPEG"),
    )
