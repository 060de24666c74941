from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.detector import Detector
from model.errors import DatasetError, TruegrainError
from model.evaluate import evaluate
from model.images import decode
from model.lake import Lake
from model.manifest import read_manifest
from model.report import Report

Write = Callable[..., Path]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def manifest(lake: Lake, brightness_dataset: Callable[[Lake], str]) -> pd.DataFrame:
    return read_manifest(lake, brightness_dataset(lake))


def test_a_detector_without_bias_gets_everything_right(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    report = evaluate(Detector.load(tiny_artifact()), lake, manifest, dataset_version="v1")
    assert (report.dataset_version, report.split, report.rows) == ("v1", "test", 60)
    values = {name: estimate.value for name, estimate in report.overall.items()}
    assert (values["accuracy"], values["f1"], values["auroc"], values["fpr"], values["tpr"]) == (1, 1, 1, 0, 1)
    assert report.overall["accuracy"].low < 1
    assert all(report.correct.values())
    assert 0 < report.latency.p50_ms <= report.latency.p95_ms


def test_a_biased_detector_calls_the_brighter_half_of_the_real_images_ai(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    bias = 10 * (0.5 - 69 / 255)  # puts the turning point between the levels 68 and 70, the middle of the real ones
    report = evaluate(Detector.load(tiny_artifact(bias)), lake, manifest, dataset_version="v1")
    assert report.overall["accuracy"].value == 45 / 60
    assert report.overall["fpr"].value == 0.5
    assert report.overall["tpr"].value == report.overall["auroc"].value == 1
    wrong = {sha256 for sha256, correct in report.correct.items() if not correct}
    brighter = manifest[manifest["origin"].isin([str(level) for level in range(70, 100)])]
    assert wrong == set(brighter["sha256"])


def test_every_image_keeps_the_probability_the_detector_gives_it_alone(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    detector = Detector.load(tiny_artifact())
    report = evaluate(detector, lake, manifest, dataset_version="v1", batch_size=7)
    assert list(report.probabilities) == list(manifest["sha256"])
    for data, expected in zip(lake.read_images(manifest), report.probabilities.values(), strict=True):
        alone = detector.score(detector.preprocess(decode(data).rgb)[np.newaxis]).probability[0]
        assert alone == pytest.approx(expected, abs=1e-6)


def test_slices_count_their_images_and_leave_out_what_has_no_value(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    report = evaluate(Detector.load(tiny_artifact(-2.5)), lake, manifest, dataset_version="v1")
    slices = {(s.column, s.value): s for s in report.slices}
    assert {key: s.rows for key, s in slices.items()} == {
        ("generator", "glare"): 15,
        ("generator", "glow"): 15,
        ("source", "flat"): 60,
        ("format", "BMP"): 30,
        ("format", "PNG"): 30,
    }
    assert slices["generator", "glow"].accuracy.value == 0 < slices["generator", "glare"].accuracy.value
    assert slices["source", "flat"].accuracy == report.overall["accuracy"]


def test_a_report_survives_json(lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write) -> None:
    report = evaluate(Detector.load(tiny_artifact()), lake, manifest, dataset_version="v1")
    assert Report.from_json(report.to_json()) == report
    assert len(report.to_json()) < 3000 + 110 * report.rows


def test_something_else_than_a_report_is_refused() -> None:
    with pytest.raises(TruegrainError, match="no evaluation report"):
        Report.from_json('{"accuracy": 1}')


def test_a_split_without_ai_images_cannot_be_evaluated(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    detector = Detector.load(tiny_artifact())
    with pytest.raises(DatasetError, match=r"'test' of v1 needs .* both classes, it has: \{'real': 30\}"):
        evaluate(detector, lake, manifest[manifest["label"] == "real"], dataset_version="v1")
    with pytest.raises(DatasetError, match="it has: none"):
        evaluate(detector, lake, manifest, dataset_version="v1", split="val")
