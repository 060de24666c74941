"""Draws a gallery of a detector's worst mistakes: each image as the detector saw it, and its activation map."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageColor

from model.dataset.lake import Lake
from model.detectors.detector import Detector
from model.evaluation.report import Report
from model.labels import AI, CLASSES, REAL
from model.pages.plots import COLOURS
from model.pages.rendering import picture
from model.record import Record, Sequenced

MOST_MISTAKES: Final = 8
"""Most mistakes shown of each class."""

_SIDE: Final = 160
_SMALL: Final = 80
"""A picture with at most this side is enlarged without smoothing."""
_DEEPEST: Final = 0.65
"""Opacity of the map where it is strongest."""


@dataclass(frozen=True)
class Mistake:
    """An image on the wrong side of the threshold. `probability` is that of AI, 0 to 1.

    `picture` is a data URL of a WebP of the image as it was scored. `overlay` is the same with the activation map: in
    the colour of the class that each place speaks for.
    """

    sha256: str
    origin: str
    label: str
    generator: str | None
    probability: float
    picture: str
    overlay: str


@dataclass(frozen=True)
class Gallery(Record):
    """A detector's worst mistakes: first on real images, then on AI images, each with the worst first."""

    kind: ClassVar = "gallery of mistakes"
    most_bytes: ClassVar = 4_000_000
    """Five times what 32 pictures of its size take."""

    mistakes: Sequenced[Mistake] = ()


def draw_gallery(detector: Detector, lake: Lake, manifest: pd.DataFrame, report: Report) -> Gallery:
    """Draw the mistakes furthest from the threshold, worst first: at most MOST_MISTAKES of each class."""
    worst = _find_worst(report)
    rows = manifest[manifest["sha256"].isin(worst)]
    facts = rows[["sha256", "origin", "label", "generator"]].to_dict("records")
    drawn = [_draw(detector, each, data) for each, data in zip(facts, lake.read_images(rows), strict=True)]
    return Gallery(tuple(sorted(drawn, key=lambda mistake: worst.index(mistake.sha256))))


def _find_worst(report: Report) -> list[str]:
    """Return the SHA-256 of the worst mistakes, those on real images first."""
    columns = report.predictions
    probability, label = np.array(columns.probability), np.array(columns.label)
    distance = np.abs(probability - report.threshold)
    wrong = (probability >= report.threshold) != (label == AI)
    worst: list[str] = []
    for each in (REAL, AI):
        places = np.flatnonzero(wrong & (label == each))
        furthest = places[np.argsort(-distance[places], kind="stable")]
        worst += [columns.sha256[place] for place in furthest[:MOST_MISTAKES]]
    return worst


def _draw(detector: Detector, facts: Mapping[Hashable, Any], data: bytes) -> Mistake:
    pixels = detector.preprocess.read(data)
    scores = detector.score(pixels[np.newaxis])
    shown = _enlarge(Image.fromarray(pixels))
    return Mistake(
        sha256=facts["sha256"],
        origin=facts["origin"],
        label=facts["label"],
        generator=None if pd.isna(facts["generator"]) else facts["generator"],
        probability=float(scores.probability[0]),
        picture=picture(shown),
        overlay=picture(_overlay(shown, scores.cam[0])),
    )


def _enlarge(image: Image.Image) -> Image.Image:
    method = Image.Resampling.NEAREST if image.width <= _SMALL else Image.Resampling.LANCZOS
    return image.resize((_SIDE, _SIDE), method)


def _overlay(image: Image.Image, cam: NDArray[np.float32]) -> Image.Image:
    """Lay a map over an image: each place in the colour of the class it speaks for, more opaque where stronger."""
    loudest = float(np.abs(cam).max()) or 1.0
    strength = Image.fromarray(cam / loudest).resize(image.size, Image.Resampling.BICUBIC)
    signed = np.asarray(strength).clip(-1, 1)[..., np.newaxis]
    ai, real = (np.array(ImageColor.getrgb(COLOURS[CLASSES[label]]), dtype=np.float32) for label in (AI, REAL))
    cover = _DEEPEST * np.abs(signed)
    covered = np.asarray(image) * (1 - cover) + np.where(signed > 0, ai, real) * cover
    return Image.fromarray(covered.round().astype(np.uint8))
