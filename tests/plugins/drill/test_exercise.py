"""A drill in small: everything for real but the training and what the monitor says."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.drift_history import DriftResult
from model.drift import Signal
from model.drill import Drill
from model.errors import TruegrainError
from model.lake import Lake
from model.manifest import read_manifest
from model.monitoring import Judgement
from model.registry import connect
from model.settings import Settings
from truegrain_airflow.drill import exercise, learning, tasks
from truegrain_airflow.drill.diary import Diary
from truegrain_airflow.drill.plan import Plan, settings_of
from truegrain_airflow.drill.serving import free_port
from truegrain_airflow.drill.watching import Watch

PLAN = Plan(newcomer="patch", images=240, calm=8, incident=24, round=8, labelled=24, after=8)
ANYTHING = """
[alone]
min_accuracy = 0
min_f1 = 0
min_auroc = 0
min_recall = 0
max_false_alarms = 1
max_calibration_error = 1
max_answered_error = 1
min_degraded_accuracy = 0
min_stable = 0
[champion]
margin = 1
slice_margin = 1
degraded_margin = 1
answered_margin = 1
stable_margin = 1
"""
"""A gate that lets every detector through that is another one."""


class Alert(Watch):
    """Suspects a new generator from the second look at it on."""

    def await_result(self) -> DriftResult:
        self.looks = getattr(self, "looks", 0) + 1
        over = self.looks > 2
        return DriftResult(
            measured_at=datetime.now(UTC),
            model_version="1",
            state="drifting" if over else "ok",
            attribution="new_generator" if over else "none",
            reason="A dense group." if over else "No signal is over its limit.",
            signals=(Signal("dense_group", 0.2, 0.1, over),),
            rows=8,
        )

    def judge(self) -> Judgement:
        return Judgement(ask=self.looks > 2, reason="a dense group", latest=None)


@pytest.fixture(scope="module")
def platform(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    (home / "gate.toml").write_text(ANYTHING)
    return Settings(home=home, tracking_uri=mlflow_server, model_name="production", gate_policy=str(home / "gate.toml"))
