"""Samples of images that were never drawn: labels, probabilities, places in the embedding and files by chance."""

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from model.detectors.traffic_sample import Reference, Sample
from model.labels import AI

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


def draw_unseen(images: int, kind: str, *, seed: int = 0) -> Sample:
    """Draw images of a generator the reference does not hold, by what the detector makes of it.

    It lies 'elsewhere' and is called AI, is 'doubtful', or 'taken_for_real' and lies but little beside what is.
    """
    random = np.random.default_rng((1, seed))
    evidence = random.normal({"elsewhere": 1.3, "doubtful": 0.0, "taken_for_real": -1.6}[kind], 0.3, images)
    embedding = random.normal(size=(images, AXES)).astype(np.float32)
    embedding[:, 0] = evidence
    embedding[:, 1] += {"elsewhere": 6.0, "doubtful": 0.0, "taken_for_real": 2.0}[kind]
    return jpegs(expit(2.6 * evidence), embedding, random)


def join(*samples: Sample) -> Sample:
    """Put samples, each with an embedding, one behind the other."""
    columns = {field.name: np.concatenate([getattr(one, field.name) for one in samples]) for field in fields(Sample)}
    return Sample(**columns)
