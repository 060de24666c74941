import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.detector import Detector
from model.errors import DatasetError, TruegrainError
from model.estimate import Estimate
from model.evaluation.forecast import Forecast, Unseen, choose_generators, measure_unseen, summarise
from model.metrics import proportion

Write = Callable[..., Path]


@pytest.fixture
def manifest(lake: Lake, brightness_dataset: Callable[[Lake], str]) -> pd.DataFrame:
    return read_manifest(lake, brightness_dataset(lake))


def kept_from(folder: Path, generator: str) -> Detector:
    detector = Detector.load(folder)
    detector.card = dataclasses.replace(detector.card, training={"leave_out": generator})
    return detector


def unseen(generator: str, found: int, rows: int = 100) -> Unseen:
    return Unseen(generator, rows, proportion(found, rows))


def test_generators_with_enough_test_images_are_left_out_one_by_one(manifest: pd.DataFrame) -> None:
    assert choose_generators(manifest, least=15) == ["glare", "glow"]
    trained_on = manifest.assign(split="train")
    assert choose_generators(pd.concat([manifest, trained_on]), least=15) == ["glare", "glow"]


def test_with_fewer_than_two_generators_there_is_nothing_to_forecast_from(manifest: pd.DataFrame) -> None:
    with pytest.raises(DatasetError, match="two generators with 16 test images each"):
        choose_generators(manifest, least=16)
    with pytest.raises(DatasetError, match="there are: none"):
        choose_generators(manifest[manifest["label"] == "real"])


def test_the_recall_is_that_of_the_left_out_generators_test_images_at_the_detectors_threshold(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    folder = tiny_artifact(-2.5)  # calls no image AI that is darker than three quarters
    assert measure_unseen(kept_from(folder, "glow"), lake, manifest, "glow") == Unseen(
        "glow", 15, proportion(0, 15), out_of_domain=proportion(0, 15)
    )
    found = measure_unseen(kept_from(folder, "glare"), lake, manifest, "glare")
    assert (found.rows, found.recall.value) == (15, 14 / 15)


def test_a_detector_that_has_seen_the_generator_is_refused(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    with pytest.raises(DatasetError, match="trained without 'glare', so 'glow' is not unseen"):
        measure_unseen(kept_from(tiny_artifact(), "glare"), lake, manifest, "glow")
    with pytest.raises(DatasetError, match="no test images by 'glimmer'"):
        measure_unseen(kept_from(tiny_artifact(), "glimmer"), lake, manifest, "glimmer")


def test_every_generator_counts_the_same_and_the_hardest_comes_first() -> None:
    forecast = summarise("v1", [unseen("easy", 90, rows=100), unseen("hard", 2, rows=10)])
    assert [each.generator for each in forecast.unseen] == ["hard", "easy"]
    assert forecast.recall.value == pytest.approx(0.55)


def test_the_interval_is_students_for_one_further_generator_over_angles() -> None:
    forecast = summarise("v1", [unseen("a", 60), unseen("b", 70), unseen("c", 80)])
    angles = np.arcsin(np.sqrt(np.array([60.375, 70.375, 80.375]) / 100.75))
    reach = 4.3027 * angles.std(ddof=1) * np.sqrt(1 + 1 / 3)
    ends = np.sin(angles.mean() + np.array([-reach, min(reach, np.pi / 2 - angles.mean())])) ** 2
    assert forecast.recall.value == pytest.approx(0.7)
    assert (forecast.recall.low, forecast.recall.high) == pytest.approx(tuple(ends), abs=1e-4)


@pytest.mark.parametrize("generators", [4, 8, 30])
def test_the_interval_holds_the_next_generator_in_95_of_100_cases(generators: int) -> None:
    random, held = np.random.default_rng(7), []
    for _ in range(400):
        *known, following = random.beta(1.6, 1.0, generators + 1)
        found = summarise("v1", [unseen(str(number), round(100 * r)) for number, r in enumerate(known)]).recall
        held.append(found.low <= following <= found.high)
    assert 0.93 <= np.mean(held) <= 0.985


def test_generators_that_are_all_found_leave_the_next_one_open() -> None:
    forecast = summarise("v1", [unseen("a", 30, rows=30), unseen("b", 100), unseen("c", 300, rows=300)])
    assert (forecast.recall.value, forecast.recall.high) == (1, 1)
    assert forecast.recall.low < 0.97


def test_a_forecast_of_an_earlier_release_gets_the_interval_of_one_generator() -> None:
    forecast = summarise("v1", [unseen("a", 60), unseen("b", 70), unseen("c", 80)])
    earlier = json.loads(forecast.to_json()) | {"recall": {"value": 0.7, "low": 0.45, "high": 0.95}}
    assert Forecast.from_json(json.dumps(earlier)) == forecast


def test_of_one_generator_little_is_known_and_of_none_nothing() -> None:
    assert summarise("v1", [unseen("only", 80)]).recall == Estimate(0.8, 0.0, 1.0)
    with pytest.raises(ValueError, match="no generators"):
        summarise("v1", [])


def test_a_forecast_survives_json_reads_as_lines_and_something_else_is_refused() -> None:
    forecast = summarise("v1", [unseen("a", 60), unseen("b", 70)])
    assert Forecast.from_json(forecast.to_json()) == forecast
    assert str(forecast).splitlines()[1] == "a: 60.00% of 100 images found"
    with pytest.raises(TruegrainError, match="no forecast"):
        Forecast.from_json("[]")
