import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.detector import Detector
from model.evaluation import scoring
from model.evaluation.scoring import score_images
from model.images import preprocess
from model.images.decoding import DecodedImage, decode
from model.images.degradations import DEGRADATIONS

Write = Callable[..., Path]


@pytest.fixture
def rows(lake: Lake, brightness_dataset: Callable[[Lake], str]) -> pd.DataFrame:
    return read_manifest(lake, brightness_dataset(lake)).head(7)


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_each_image_gets_the_probabilities_of_itself_and_of_its_degraded_versions(
    lake: Lake, rows: pd.DataFrame, tiny_artifact: Write, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring.os, "cpu_count", lambda: cores)
    detector = Detector.load(tiny_artifact())
    sampled = np.array([False, True, False, True, True, False, False])
    scored = score_images(detector, lake, rows, sampled=sampled, batch_size=5)
    images = [decode(data).rgb for data in lake.read_images(rows)]

    def alone(image) -> float:
        return float(detector.score(detector.preprocess(image)[np.newaxis]).probability[0])

    assert scored.probability == pytest.approx([alone(image) for image in images], abs=1e-6)
    expected = [[alone(degrade(images[at])) for degrade in DEGRADATIONS.values()] for at in (1, 3, 4)]
    np.testing.assert_allclose(scored.degraded, expected, atol=1e-6)


def test_without_a_sample_nothing_is_degraded(lake: Lake, rows: pd.DataFrame, tiny_artifact: Write) -> None:
    scored = score_images(Detector.load(tiny_artifact()), lake, rows)
    assert (len(scored.probability), scored.degraded.shape) == (7, (0, len(DEGRADATIONS)))


@pytest.mark.parametrize(("large", "at_once"), [(0, {1}), (10**9, {2, 3, 4})])
def test_of_large_images_one_is_decoded_at_a_time(
    lake: Lake,
    rows: pd.DataFrame,
    tiny_artifact: Write,
    large: int,
    at_once: set[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scoring.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(scoring, "_LARGE", large)
    busy, most = [], []

    def slowly(data: bytes, **limits: object) -> DecodedImage:
        busy.append(data)
        time.sleep(0.05)
        most.append(len(busy))
        busy.remove(data)
        return decode(data, **limits)

    monkeypatch.setattr(preprocess, "decode", slowly)
    score_images(Detector.load(tiny_artifact()), lake, rows)
    assert max(most) in at_once
