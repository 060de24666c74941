from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.detectors.detector import Detector
from model.errors import DatasetError, TruegrainError
from model.estimate import Estimate
from model.evaluation.evaluate import evaluate_detector, group_images
from model.evaluation.report import Report
from model.images.degradations import DEGRADATIONS

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
    report = evaluate_detector(Detector.load(tiny_artifact()), lake, manifest, dataset_version="v1")
    assert (report.dataset_version, report.split, report.rows) == ("v1", "test", 60)
    values = {name: estimate.value for name, estimate in report.overall.items()}
    assert (values["accuracy"], values["f1"], values["auroc"], values["fpr"], values["tpr"]) == (1, 1, 1, 0, 1)
    assert report.overall["accuracy"].low < 1
    assert all(report.correct.values())
    assert 0 < report.latency.p50_ms <= report.latency.p95_ms


def test_a_few_huge_images_that_stand_first_do_not_speak_for_all_in_the_time_an_image_takes(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, read, read_images = (
        manifest.assign(width=manifest["width"].where(manifest.index >= 8, 9_400)),
        [],
        Lake.read_images,
    )

    def take_down(self: Lake, rows: pd.DataFrame) -> Iterator[bytes]:
        read.append(set(rows["width"]))
        return read_images(self, rows)

    monkeypatch.setattr(Lake, "read_images", take_down)
    evaluate_detector(Detector.load(tiny_artifact()), lake, rows, dataset_version="v1")
    assert 9_400 in set().union(*read)
    assert 9_400 not in read[-1]


def test_a_biased_detector_calls_the_brighter_half_of_the_real_images_ai(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    bias = 10 * (0.5 - 69 / 255)  # puts the threshold between the levels 68 and 70, the middle of the real images
    report = evaluate_detector(Detector.load(tiny_artifact(bias)), lake, manifest, dataset_version="v1")
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
    report = evaluate_detector(detector, lake, manifest, dataset_version="v1", batch_size=7)
    assert list(report.probabilities) == list(manifest["sha256"])
    for data, expected in zip(lake.read_images(manifest), report.probabilities.values(), strict=True):
        alone = detector.score(detector.preprocess.read(data)[np.newaxis]).probability[0]
        assert alone == pytest.approx(expected, abs=1e-6)


def test_slices_count_their_images_and_leave_out_what_has_no_value(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    report = evaluate_detector(Detector.load(tiny_artifact(-2.5)), lake, manifest, dataset_version="v1")
    slices = {(s.column, s.value): s for s in report.slices}
    assert {key: s.rows for key, s in slices.items()} == {
        ("generator", "glare"): 15,
        ("generator", "glow"): 15,
        ("source", "flat"): 60,
        ("format", "BMP"): 30,
        ("format", "PNG"): 30,
        ("size", "up to 64 px"): 60,
    }
    assert slices["generator", "glow"].accuracy.value == 0 < slices["generator", "glare"].accuracy.value
    assert slices["source", "flat"].accuracy == report.overall["accuracy"]


def test_near_duplicates_widen_every_interval(lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write) -> None:
    detector = Detector.load(tiny_artifact(10 * (0.5 - 69 / 255)))
    apart = evaluate_detector(detector, lake, manifest, dataset_version="v1")
    shared = manifest.assign(cluster=[str(number // 5) for number in range(len(manifest))])
    together = evaluate_detector(detector, lake, shared, dataset_version="v1")
    assert (apart.clusters, together.clusters) == (60, 12)
    for name in ("accuracy", "f1", "auroc", "fpr", "tpr", "answered", "out_of_domain"):
        wide, narrow = together.overall[name], apart.overall[name]
        assert wide.value == narrow.value
        assert wide.high - wide.low > narrow.high - narrow.low
    for many, few in zip(apart.slices, together.slices, strict=True):
        assert few.accuracy.high - few.accuracy.low > many.accuracy.high - many.accuracy.low


def test_a_report_survives_json(lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write) -> None:
    report = evaluate_detector(Detector.load(tiny_artifact()), lake, manifest, dataset_version="v1")
    assert Report.from_json(report.to_json()) == report
    assert len(report.to_json()) < 10_000 + 200 * report.rows


def test_every_image_carries_its_groups_and_a_real_one_no_generator(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    groups = evaluate_detector(Detector.load(tiny_artifact()), lake, manifest, dataset_version="v1").predictions.groups
    assert list(groups["generator"]) == [None] * 30 + ["glow"] * 15 + ["glare"] * 15
    assert set(groups["size"]) == {"up to 64 px"}


@pytest.mark.parametrize(
    ("size", "group"),
    [
        ((64, 3000), "up to 64 px"),
        ((65, 65), "65 to 256 px"),
        ((1000, 256), "65 to 256 px"),
        ((1024, 257), "257 to 1024 px"),
        ((1025, 4000), "over 1024 px"),
    ],
)
def test_images_are_grouped_by_their_shorter_side(manifest: pd.DataFrame, size: tuple[int, int], group: str) -> None:
    width, height = size
    assert set(group_images(manifest.assign(width=width, height=height))["size"]) == {group}


def test_images_are_grouped_by_their_collection(manifest: pd.DataFrame) -> None:
    held = manifest.assign(collection=["faces"] + [None] * (len(manifest) - 1))
    assert list(group_images(held)["collection"][:2]) == ["faces", None]


def test_images_are_grouped_by_the_month_in_which_they_entered_if_there_are_several(
    manifest: pd.DataFrame,
) -> None:
    assert set(group_images(manifest)["entered"]) == {None}
    moments = pd.to_datetime(["2026-11-02T02:00Z", "2026-11-30T23:59Z", "2026-12-01T00:00Z", "2026-12-14T02:00Z"])
    months = group_images(manifest.head(4).assign(ingested_at=moments))["entered"]
    assert list(months) == ["2026-11", "2026-11", "2026-12", "2026-12"]


def test_what_is_not_answered_is_no_error(lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write) -> None:
    bias = 10 * (0.5 - 92 / 255)  # real images from level 92 up are called AI, images around this level are in the band
    detector = Detector.load(tiny_artifact(bias))
    overall = evaluate_detector(detector, lake, manifest, dataset_version="v1").overall
    answers = {level: 10 * (level - 92) / 255 for level in range(40, 100, 2)}
    unsure = [level for level, logit in answers.items() if abs(logit) <= np.log(0.55 / 0.45)]
    assert unsure == [88, 90, 92, 94, 96]
    assert overall["answered"].value == 55 / 60
    assert overall["answered_error"].value == 1 / 55  # level 98
    assert (overall["answered_fpr"].value, overall["answered_fnr"].value) == (1 / 30, 0)


def test_of_a_detector_that_never_answers_no_error_is_known(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    detector = Detector.load(tiny_artifact())
    detector.card = replace(detector.card, band=(0.0, 1.0))
    overall = evaluate_detector(detector, lake, manifest, dataset_version="v1").overall
    assert (overall["answered"].value, overall["answered_error"]) == (0, Estimate(0, 0, 1))


def test_operating_points_are_measured_at_the_thresholds_of_the_card(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    report = evaluate_detector(Detector.load(tiny_artifact(0.5)), lake, manifest, dataset_version="v1")
    assert [(point.rate, point.threshold) for point in report.operating_points] == [(0.01, 0.9), (0.05, 0.8)]
    ai = 10 * (np.arange(160, 220, 2) / 255 - 0.5) + 0.5
    for point in report.operating_points:
        assert point.fpr.value == 0
        assert point.tpr.value == np.mean(ai >= np.log(point.threshold / (1 - point.threshold)))


def test_the_battery_runs_and_what_only_moves_pixels_moves_no_verdict(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    report = evaluate_detector(Detector.load(tiny_artifact(-2)), lake, manifest, dataset_version="v1")
    assert [each.name for each in report.robustness] == list(DEGRADATIONS)
    found = {each.name: each for each in report.robustness}
    assert found["crop"].flipped.value == 0
    assert (
        found["brightness"].accuracy.value > report.overall["accuracy"].value
    )  # the tiny artifact calls bright images AI
    assert report.stable is not None
    assert report.stable.value > 0.9
    assert report.size_bytes > 0


def test_something_else_than_a_report_is_refused() -> None:
    with pytest.raises(TruegrainError, match="no evaluation report"):
        Report.from_json('{"accuracy": 1}')


def test_a_split_without_ai_images_cannot_be_evaluated(
    lake: Lake, manifest: pd.DataFrame, tiny_artifact: Write
) -> None:
    detector = Detector.load(tiny_artifact())
    with pytest.raises(DatasetError, match=r"'test' of v1 needs .* both classes, it has: \{'real': 30\}"):
        evaluate_detector(detector, lake, manifest[manifest["label"] == "real"], dataset_version="v1")
    with pytest.raises(DatasetError, match="it has: none"):
        evaluate_detector(detector, lake, manifest, dataset_version="v1", split="val")
