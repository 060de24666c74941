import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from model.dataset.lake import Lake
from model.detectors import artifact
from model.detectors.artifact import Card
from model.errors import RegistryError
from model.evaluation.forecast import Forecast
from model.evaluation.gate.policy import read_policy
from model.registry import Registry
from model.retraining.forecast_steps import LeftOut, plan_forecast, publish_forecast
from model.retraining.steps import decide_run, evaluate_run, promote_run

pytestmark = pytest.mark.usefixtures("without_plots")

Write = Callable[..., Path]
TOO_STRICT = -2.5
"""A bias with which no image darker than three quarters is called AI."""


@pytest.fixture
def version(lake: Lake, brightness_dataset: Callable[[Lake], str]) -> str:
    return brightness_dataset(lake)


@pytest.fixture
def train(registry: Registry, version: str, tiny_artifact: Write) -> Callable[..., str]:
    """Log a tiny artifact as if it had been trained, perhaps without a generator."""

    def log(bias: float, *, leave_out: str = "") -> str:
        folder = tiny_artifact(bias, dataset_version=version)
        card = Card.from_json((folder / artifact.CARD).read_bytes())
        kept_from = dataclasses.replace(card, training={"leave_out": leave_out})
        (folder / artifact.CARD).write_text(kept_from.to_json())
        with registry.run("train", params={}) as run:
            run.log_artifact(folder)
        return run.id

    return log


Train = Callable[..., str]


def test_a_forecast_is_planned_for_production_measured_and_shown_in_its_report(
    registry: Registry, lake: Lake, train: Train, version: str
) -> None:
    run_id = train(0.0)
    evaluate_run(registry, lake, run_id)
    decide_run(registry, lake, run_id, policy=read_policy())
    promote_run(registry, run_id, reason="passed the gate")
    planned = plan_forecast(registry, lake, least=15)
    assert planned == [LeftOut(run_id, version, generator) for generator in ("glare", "glow")]
    trained = [(train(TOO_STRICT, leave_out=left_out.generator), left_out) for left_out in planned]
    forecast = publish_forecast(registry, lake, trained)
    assert [(each.generator, each.recall.value) for each in forecast.unseen] == [("glow", 0.0), ("glare", 14 / 15)]
    assert Forecast.from_json(registry.read_file(run_id, "forecast.json") or b"") == forecast
    page = (registry.read_file(run_id, "report.html") or b"").decode()
    assert "A generator not yet seen" in page
    assert "Gate: promote" in page
    assert json.loads(registry.read_file(run_id, "decision.json") or b"")["promote"] is True


def test_there_is_no_forecast_for_what_was_not_decided_on(registry: Registry, lake: Lake, train: Train) -> None:
    with pytest.raises(RegistryError, match="no detector that was trained here is in production"):
        plan_forecast(registry, lake)
    with pytest.raises(RegistryError, match=r"has no decision\.json"):
        plan_forecast(registry, lake, train(0.0))
