"""A small drill: everything is real except the training and the monitor's results."""

from collections.abc import Callable, Collection
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from model.dataset.lake import Lake
from model.dataset.manifest import read_manifest
from model.drill.record import Drill, Labelling, StepName
from model.errors import TruegrainError
from model.monitoring.drift_history import DriftResult
from model.monitoring.retrain_request import Judgement
from model.monitoring.terms import Signal
from model.registry import connect
from model.settings import Settings
from model.sources.reports import SOURCE
from support.drill_records import make_drill
from truegrain_drill import exercise, lifecycle, plan, steps
from truegrain_drill.diary import Diary
from truegrain_drill.monitor import Watch
from truegrain_drill.plan import Plan, settings_of
from truegrain_drill.service import free_port

PLAN = Plan(newcomer="patch", images=240, ordinary=8, incident=24, round=8, reported=24, again=8, most_again=16)
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
widest_margin = 1
false_alarm_margin = 1
recall_margin = 1
slice_margin = 1
degraded_margin = 1
answered_margin = 1
stable_margin = 1
"""
"""Limits of a gate that passes every new detector."""


class Alert(Watch):
    """A fake monitor that suspects a new generator from the second look on."""

    def await_result(self, ids: Collection[str]) -> DriftResult:  # noqa: ARG002
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
        return Judgement(ask=self.looks > 2, reason="a dense group")


@pytest.fixture
def production(mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    policy = tmp_path / "gate.toml"
    policy.write_text(ANYTHING)
    monkeypatch.setattr(plan, "GATE", policy)
    return Settings(home=tmp_path / "home", tracking_uri=mlflow_server, drift_least=PLAN.round)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch, tiny_artifact: Callable[..., Path]) -> None:
    """Replace training by a tiny artifact, a different one each time."""
    biases = iter((0.0, 0.01))

    def train(settings: Settings, dataset_version: str) -> str:
        registry = connect(settings)
        with registry.run("train", params={}) as run:
            run.log_artifact(tiny_artifact(next(biases), dataset_version=dataset_version))
        return run.id

    monkeypatch.setattr(lifecycle, "train", train)
    monkeypatch.setattr(exercise, "Watch", Alert)


@pytest.mark.usefixtures("untrained", "without_plots")
def test_people_label_the_newcomer_and_what_they_agree_on_is_learnt_and_served(production: Settings) -> None:
    name = steps.prepare(production, PLAN)
    own = settings_of(production, name, port=free_port())
    exercise.run(PLAN, own, Diary.open(own.home))
    with suppress(TruegrainError):  # the figures of so small a drill are random
        steps.report(production, name)
    assert (own.home / "post-mortem.html").exists()

    drill = Drill.from_json((own.home / "drill.json").read_bytes())
    assert drill.fault is None
    assert [step.name for step in drill.steps] == list(get_args(StepName))
    assert drill.labelling == Labelling(images=24, reporters=3, reports=72, agreement=3, accepted=24)
    assert drill.after is not None
    assert (drill.before.version, drill.after.version, drill.after.promoted) == ("1", "2", True)

    rows = read_manifest(Lake(own.lake_url), drill.after.dataset_version, columns=("source", "split", "label"))
    reported = rows[rows["source"] == SOURCE]
    assert drill.after.images - drill.before.images == len(reported) == 24
    assert set(reported["split"]) == {"train"}

    assert len(drill.answers_in("before")) == PLAN.ordinary
    assert len(drill.answers_in("during")) >= 2 * PLAN.round
    assert len(drill.answers_in("after")) >= PLAN.again
    assert (drill.readings[0].newcomers, drill.alarm and drill.alarm.newcomers) == (0, 8)
    assert connect(production).resolve("production") is None, "production had no part in it"


def test_a_fault_of_the_platform_ends_a_drill_and_is_kept_for_the_post_mortem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall_silent(_: exercise.Exercise) -> None:
        raise TruegrainError("the monitor is silent")

    monkeypatch.setattr(exercise, "serving", lambda _: nullcontext("http://127.0.0.1:9"))
    monkeypatch.setattr(exercise.people, "make_keys", lambda *_: [])
    monkeypatch.setattr(exercise.Exercise, "stay_calm", fall_silent)
    diary = Diary(tmp_path, make_drill(answers=(), steps=(), readings=()))
    exercise.run(PLAN, Settings(home=tmp_path), diary)
    assert Diary.open(tmp_path).drill.fault == "the monitor is silent"
