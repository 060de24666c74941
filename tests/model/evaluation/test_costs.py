"""Thresholds by cost: what they bring on a report, and `truegrain threshold`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.detectors import artifact
from model.detectors.artifact import read_card
from model.evaluation.__main__ import main
from model.evaluation.costs import measure_threshold
from model.evaluation.report import Report
from support.evaluation_reports import make_report

Write = Callable[..., Path]
ASKED = ("--cost-ratio", "20", "--prevalence", "0.02")


def make_report_with_errors() -> Report:
    """A report on 100 images of each class; 6 of the real and 4 of the AI images are called wrong."""
    rights = [number not in (0, 2, 4, 6, 8, 10, 1, 3, 5, 7) for number in range(200)]
    return make_report(rights)


def test_the_predictive_value_is_that_of_the_share_of_ai() -> None:
    rates = measure_threshold(make_report_with_errors(), 0.5, prevalence=0.02)
    assert (rates.fpr.value, rates.tpr.value) == (0.06, 0.96)
    assert rates.predictive_value is not None
    assert rates.predictive_value.value == pytest.approx(0.02 * 0.96 / (0.02 * 0.96 + 0.98 * 0.06))
    assert rates.predictive_value.low < 0.15 < rates.predictive_value.value < 0.4 < rates.predictive_value.high
    balanced = measure_threshold(make_report_with_errors(), 0.5, prevalence=0.5).predictive_value
    assert balanced is not None
    assert balanced.value == pytest.approx(0.96 / 1.02)


def test_where_no_image_is_accused_no_accusation_can_be_judged() -> None:
    rates = measure_threshold(make_report_with_errors(), 0.999, prevalence=0.02)
    assert (rates.fpr.value, rates.tpr.value, rates.predictive_value) == (0, 0, None)


def test_copies_of_the_images_do_not_narrow_the_intervals() -> None:
    report = make_report_with_errors()
    given = report.predictions
    columns = {name: getattr(given, name) * 5 for name in ("sha256", "label", "probability")}
    copies = replace(report, predictions=replace(given, **columns, cluster=tuple(range(200)) * 5))
    alone, together = (measure_threshold(each, 0.5, prevalence=0.1) for each in (report, copies))
    assert together.fpr.high == pytest.approx(alone.fpr.high, abs=0.01)


def test_the_command_prints_the_threshold_and_what_it_brings(
    tiny_artifact: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_artifact()
    report = replace(make_report_with_errors(), onnx_sha256=read_card(folder).onnx_sha256)
    (tmp_path / "report.json").write_text(report.to_json())
    assert main([*ASKED, "--artifact", str(folder), "--report", str(tmp_path / "report.json")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("threshold 0.998981 of `probability`")
    assert "calibrated where 50.0% of the images are AI" in told
    assert "No image is called AI at this threshold" in told


def test_a_card_of_an_earlier_release_is_calibrated_as_its_reference(
    tiny_artifact: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_artifact()
    old = replace(read_card(folder), calibrated_on={})
    (folder / artifact.CARD).write_text(old.to_json())
    assert main([*ASKED, "--artifact", str(folder)]) == 0
    assert "give --report" in capsys.readouterr().out
    (folder / artifact.CARD).write_text(replace(old, reference={}).to_json())
    (folder / artifact.REFERENCE).unlink()
    assert main([*ASKED, "--artifact", str(folder)]) == 1
    assert "does not say for which share of AI images it was calibrated" in capsys.readouterr().err


def test_what_cannot_be_used_is_refused_by_name(
    tiny_artifact: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, other = tiny_artifact(), tmp_path / "report.json"
    other.write_text(make_report_with_errors().to_json())
    assert main([*ASKED, "--artifact", str(folder), "--report", str(other)]) == 1
    assert "the report is on the detector challenger" in capsys.readouterr().err
    assert main(["--cost-ratio", "-1", "--prevalence", "0.02", "--artifact", str(folder)]) == 1
    assert "cost ratio must be above 0" in capsys.readouterr().err
    assert main([*ASKED, "--artifact", str(tmp_path / "none")]) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err
