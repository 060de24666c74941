"""Robustness: how a detector does on degraded images, and whether its verdicts survive being passed on."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import metrics
from model.detectors.decision import name_decision
from model.estimate import Estimate
from model.evaluation.report import Degraded
from model.images.degradations import DEGRADATIONS, RESHIPPED
from model.metrics import Labels, Probabilities, proportion

MOST_IMAGES: Final = 2_000
"""Images that are degraded, half of each class: a minute's work when they are small, and a shift of 2 % shows."""
MOST_PIXELS: Final = 200_000_000
"""Pixels of these together, which bounds the work when they are large."""


def choose_sample(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark the images to degrade: equally many of each class, by their hashes, within MOST_IMAGES and MOST_PIXELS.

    The same images are chosen for every detector, and one of each class whatever its size.
    """
    places = rows.assign(place=np.arange(len(rows))).sort_values("sha256")
    dealt = places.assign(turn=places.groupby("label").cumcount()).sort_values(["turn", "label"])
    pixels = (dealt["width"].astype(int) * dealt["height"].astype(int)).cumsum()
    affordable = (dealt["turn"] < MOST_IMAGES // 2) & ((pixels <= MOST_PIXELS) | (dealt["turn"] == 0))
    chosen = np.zeros(len(rows), bool)
    chosen[dealt.loc[affordable, "place"]] = True
    return chosen


def measure_robustness(
    labels: Labels, before: Probabilities, degraded: Probabilities, *, threshold: float
) -> tuple[Degraded, ...]:
    """Measure each of DEGRADATIONS from the probabilities `before` [n] and after it, `degraded` [n, D]."""
    return tuple(
        Degraded(
            name=name,
            rows=len(labels),
            accuracy=metrics.accuracy(labels, after, threshold),
            auroc=metrics.auroc(labels, after),
            flipped=proportion(int(np.sum((after >= threshold) != (before >= threshold))), len(labels)),
        )
        for name, after in zip(DEGRADATIONS, degraded.T, strict=True)
    )


def measure_stability(
    before: Probabilities, degraded: Probabilities, *, threshold: float, band: tuple[float, float]
) -> Estimate:
    """Estimate the share of images whose verdict is the same before and after every one of RESHIPPED.

    'unsure' is a verdict like 'real' and 'ai': a picture that is passed on and is no longer answered has changed its
    verdict too.
    """
    columns = [list(DEGRADATIONS).index(name) for name in RESHIPPED]
    verdicts = np.vectorize(lambda probability: name_decision(probability, threshold, band), otypes=[str])
    same = (verdicts(degraded[:, columns]) == verdicts(before)[:, np.newaxis]).all(axis=1)
    return proportion(int(same.sum()), len(same))
