import dataclasses
from collections.abc import Callable
from pathlib import Path

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
    assert measure_unseen(kept_from(folder, "glow"), lake, manifest, "glow") == Unseen("glow", 15, proportion(0, 15))
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


def test_the_interval_is_students_over_the_generators() -> None:
    forecast = summarise("v1", [unseen("a", 60), unseen("b", 70), unseen("c", 80)])
    assert (forecast.recall.value, forecast.recall.low, forecast.recall.high) == pytest.approx(
        (0.7, 0.7 - 4.3027 * 0.1 / 3**0.5, 0.7 + 4.3027 * 0.1 / 3**0.5), abs=1e-4
    )


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
