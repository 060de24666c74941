"""Measures a detector on degraded images, and whether its verdicts stay the same when images are passed on."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import metrics
from model.dataset.lots import draw_lots
from model.detectors.decision import name_decision
from model.estimate import Estimate
from model.evaluation.report import Degraded
from model.images.degradations import DEGRADATIONS, RESHIPPED
from model.metrics import Clusters, Labels, Probabilities, share

MOST_IMAGES: Final = 2_000
"""Most images that are degraded, half of each class. Small images take a minute, and a shift of 2 % shows."""
MOST_PIXELS: Final = 200_000_000
"""Most pixels of all degraded images together, which bounds the work on large images."""


def choose_sample(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark the images to degrade in a mask [N]: equally many of each class, within MOST_IMAGES and MOST_PIXELS.

    Images are taken in the order of `draw_lots`, so the choice is the same for every detector. One image of each class
    is taken whatever its size.
    """
    places = rows.assign(place=np.arange(len(rows)), lot=draw_lots(rows["sha256"])).sort_values("lot")
    dealt = places.assign(turn=places.groupby("label").cumcount()).sort_values(["turn", "label"])
    pixels = (dealt["width"].astype(int) * dealt["height"].astype(int)).cumsum()
    affordable = (dealt["turn"] < MOST_IMAGES // 2) & ((pixels <= MOST_PIXELS) | (dealt["turn"] == 0))
    chosen = np.zeros(len(rows), bool)
    chosen[dealt.loc[affordable, "place"]] = True
    return chosen


def measure_robustness(
    labels: Labels,
    before: Probabilities,
    degraded: Probabilities,
    clusters: Clusters | None = None,
    *,
    threshold: float,
) -> tuple[Degraded, ...]:
    """Measure each of DEGRADATIONS by the probabilities of AI `before` [n] and after it, `degraded` [n, D].

    `clusters` [n] are as in `model.metrics`.
    """
    return tuple(
        Degraded(
            name=name,
            rows=len(labels),
            accuracy=metrics.accuracy(labels, after, threshold, clusters),
            auroc=metrics.auroc(labels, after, clusters),
            flipped=share((after >= threshold) != (before >= threshold), clusters),
        )
        for name, after in zip(DEGRADATIONS, degraded.T, strict=True)
    )


def measure_stability(
    before: Probabilities,
    degraded: Probabilities,
    clusters: Clusters | None = None,
    *,
    threshold: float,
    band: tuple[float, float],
) -> Estimate:
    """Estimate the share of images whose verdict is the same before and after every one of RESHIPPED.

    A change to or from 'unsure' counts like any other change.
    """
    columns = [list(DEGRADATIONS).index(name) for name in RESHIPPED]
    verdicts = np.vectorize(lambda probability: name_decision(probability, threshold, band), otypes=[str])
    return share((verdicts(degraded[:, columns]) == verdicts(before)[:, np.newaxis]).all(axis=1), clusters)
