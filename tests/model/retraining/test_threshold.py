from collections.abc import Callable
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.evaluation import __main__ as command
from model.evaluation.gate.policy import read_policy
from model.registry import Registry
from model.retraining.steps import decide_run, evaluate_run, promote_run

pytestmark = pytest.mark.usefixtures("without_plots")


def test_the_threshold_of_the_detector_in_production_is_measured_on_the_report_of_its_run(
    registry: Registry,
    lake: Lake,
    brightness_dataset: Callable[[Lake], str],
    tiny_artifact: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "connect", lambda _settings: registry)
    asked = ["--cost-ratio", "1", "--prevalence", "0.5"]
    assert command.main(asked) == 1
    assert "has no 'production'" in capsys.readouterr().err
    folder = tiny_artifact(dataset_version=brightness_dataset(lake))
    with registry.run("train", params={}) as run:
        run.log_artifact(folder)
    evaluate_run(registry, lake, run.id)
    decide_run(registry, lake, run.id, policy=read_policy())
    promote_run(registry, run.id, reason="passed the gate")
    assert command.main(asked) == 0
    told = capsys.readouterr().out
    assert told.startswith("threshold 0.5 of `probability`")
    assert "Measured on 60 images of the split test" in told
    assert "right accusations      100.000%" in told
